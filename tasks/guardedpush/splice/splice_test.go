package splice

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edit makes the edits ("path = value") of a file.
func edit(name, before string, edits ...string) (string, []Applied, error) {
	lines := make([]string, len(edits))
	for i, e := range edits {
		lines[i] = name + ": " + e
	}
	parsed, err := ParseEdits(lines)
	if err != nil {
		return "", nil, err
	}
	after, applied, err := Apply(name, []byte(before), parsed)
	return string(after), applied, err
}

// each is a case of one edit: what is before, the edit, what is after.
type each map[string][3]string

func (cases each) run(t *testing.T, name string) {
	t.Helper()
	for title, tc := range cases {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			got, _, err := edit(name, tc[0], tc[1])
			if err != nil {
				t.Fatalf("Apply(%q, %s): %v", tc[0], tc[1], err)
			}
			if diff := cmp.Diff(tc[2], got); diff != "" {
				t.Errorf("Apply(%q, %s) (-want +got):\n%s", tc[0], tc[1], diff)
			}
		})
	}
}

func TestStyleIsKept(t *testing.T) {
	t.Parallel()
	each{
		"plain":                       {"a: x\n", "a = w z", "a: w z\n"},
		"double":                      {"a: \"x\"\n", "a = w", "a: \"w\"\n"},
		"single":                      {"a: 'x'\n", "a = it's", "a: 'it''s'\n"},
		"single with a quote":         {"a: 'x''w' # '\n", "a = z", "a: 'z' # '\n"},
		"double with escapes":         {`a: "x\"\\" # "` + "\n", `a = q"\`, `a: "q\"\\" # "` + "\n"},
		"comment":                     {"a: x   # why\n", "a = w", "a: w   # why\n"},
		"blanks at the end":           {"a: x  \t\nb: z\n", "a = w", "a: w  \t\nb: z\n"},
		"CRLF":                        {"# ü\r\na: x\r\nb: z\r\n", "a = w", "# ü\r\na: w\r\nb: z\r\n"},
		"no line break at the end":    {"a: x", "a = w", "a: w"},
		"BOM":                         {"\ufeffa: x\n", "a = w", "\ufeffa: w\n"},
		"not ASCII before":            {"{ü: \"€😀\", a: x}\n", "a = ä", "{ü: \"€😀\", a: ä}\n"},
		"tabs":                        {"a:\t\tx\t# c\n", "a = w", "a:\t\tw\t# c\n"},
		"flow":                        {"{a: x, b: [x,x]}\n", "b[1] = w", "{a: x, b: [x,w]}\n"},
		"list":                        {"- x\n-   x # c\n- x\n", "$[1] = w", "- x\n-   w # c\n- x\n"},
		"document":                    {"---\na: x\n---\nb: x\n...\n", "b = w", "---\na: x\n---\nb: w\n...\n"},
		"document is a scalar":        {"--- x\n", "$ = w", "--- w\n"},
		"anchor without aliases":      {"a: &v x # c\n", "a = w", "a: &v w # c\n"},
		"tag":                         {"a: !!str 2.0\n", "a = 3.0", "a: !!str 3.0\n"},
		"tag, in quotes":              {"a: !!str \"x\"\n", "a = 3", "a: !!str \"3\"\n"},
		"tag of somebody":             {"a: !vault   x\n", "a = 3.0", "a: !vault   3.0\n"},
		"tag, long":                   {"a: !<tag:yaml.org,2002:str> x\n", "a = 3.0", "a: !<tag:yaml.org,2002:str> 3.0\n"},
		"tag in another line":         {"a: !x # c ! & x\n  &q\n  x\n", "a = w", "a: !x # c ! & x\n  &q\n  w\n"},
		"anchor and tag":              {"a: [&v !!str x,&w x]\n", "a[0] = w", "a: [&v !!str w,&w x]\n"},
		"number with a tag":           {"a: !!int 3\n", "a = 4", "a: !!int 4\n"},
		"plain on lines":              {"a: x\n  w\n\n  z # c\nb: 1\n", "a = q", "a: q # c\nb: 1\n"},
		"plain on lines, CRLF":        {"a: x w\r\n  w\r\n\r\n  z\r\nb: 1\r\n", "a = q", "a: q\r\nb: 1\r\n"},
		"single on lines":             {"a: 'x\n  w'\nb: 1\n", "a = q", "a: 'q'\nb: 1\n"},
		"double on lines":             {"a: \"x\\\n  w\"\nb: 1\n", "a = q", "a: \"q\"\nb: 1\n"},
		"value on the next line":      {"a:\n  # c\n  x\nb: 1\n", "a = w", "a:\n  # c\n  w\nb: 1\n"},
		"question mark":               {"? a\n: x\n", "a = w", "? a\n: w\n"},
		"nothing after the colon":     {"a:   # c\nb:\n", "a = w", "a: w   # c\nb:\n"},
		"nothing at the end":          {"b: 1\na:", "a = w", "b: 1\na: w"},
		"nothing after the dash":      {"-\n- x\n", "$[0] = w", "- w\n- x\n"},
		"nothing in a flow":           {"{a: , b: x}\n", "a = w", "{a: w , b: x}\n"},
		"nothing after a tag":         {"a: !!str # c\n", "a = w", "a: !!str w # c\n"},
		"nothing after an anchor":     {"a: &v\nb: 1\n", "a = w", "a: &v w\nb: 1\n"},
		"key like the value":          {"x: x\n", "x = w", "x: w\n"},
		"the merge key stays":         {"b: &b {q: 1}\na:\n  <<: *b\n  x: 1\n", "a.x = 2", "b: &b {q: 1}\na:\n  <<: *b\n  x: 2\n"},
		"own value before the merged": {"b: &b {q: 1}\na:\n  <<: *b\n  q: 1\n", "a.q = 2", "b: &b {q: 1}\na:\n  <<: *b\n  q: 2\n"},
		"odd line breaks":             {"# \u2028a: x\u0085b: x\n", "b = w", "# \u2028a: x\u0085b: w\n"},
	}.run(t, "x.yaml")
}

func TestKindIsKept(t *testing.T) {
	t.Parallel()
	cases := each{
		"number":                    {"a: 1\n", "a = 2", "a: 2\n"},
		"number to float":           {"a: 1\n", "a = 2.5", "a: 2.5\n"},
		"number to text":            {"a: 1.0\n", "a = 1.2.3", "a: 1.2.3\n"},
		"number, asked for a text":  {"a: 1.0\n", `a = "2.0"`, "a: \"2.0\"\n"},
		"the same, as a text":       {"a: 2.0\n", `a = "2.0"`, "a: \"2.0\"\n"},
		"bool":                      {"a: true\n", "a = false", "a: false\n"},
		"old bool":                  {"a: yes\n", "a = no", "a: no\n"},
		"number to a merge key":     {"a: 1\n", "a = <<", "a: \"<<\"\n"},
		"number to the value key":   {"a: 1\n", "a = =", "a: \"=\"\n"},
		"date":                      {"a: 2024-01-01\n", "a = 2024-02-01", "a: 2024-02-01\n"},
		"null":                      {"a: ~\n", "a = 5", "a: 5\n"},
		"quoted number":             {"a: \"2.0\"\n", "a = 3.0", "a: \"3.0\"\n"},
		"empty":                     {"a: x\n", `a = ""`, "a: \"\"\n"},
		"nothing to an empty text":  {"a:\n", `a = ""`, "a: \"\"\n"},
		"text that looks plain":     {"a: x\n", `a = "w"`, "a: w\n"},
		"float with a tag":          {"a: !!float 3\n", "a = 4", "a: !!float 4\n"},
		"text with blanks":          {"a: x\n", `a = " y "`, "a: \" y \"\n"},
		"line break":                {"a: x\n", `a = "y\nz"`, "a: \"y\\nz\"\n"},
		"line break, single":        {"a: 'x'\n", `a = "y\nz"`, "a: \"y\\nz\"\n"},
		"control characters":        {"a: x\n", `a = "\0\e\u0085\u2028\ufeff\U0001F600"`, "a: \"\\x00\\x1b\\x85\\u2028\\ufeff😀\"\n"},
		"invisible":                 {"a: 'x'\n", `a = "\u200b\U000e0001"`, "a: \"\\u200b\\U000e0001\"\n"},
		"comma in a flow":           {"{a: x}\n", "a = y, b: z", "{a: \"y, b: z\"}\n"},
		"comma outside":             {"a: x\n", "a = y, z]", "a: y, z]\n"},
		"image in a flow":           {"{a: x}\n", "a = reg/x:1", "{a: reg/x:1}\n"},
		"dash":                      {"a: x\n", "a = -q --r", "a: -q --r\n"},
		"unchanged":                 {"a:   x # c\n", "a = x", "a:   x # c\n"},
		"unchanged, in quotes":      {"a: 'x'\n", `a = "x"`, "a: 'x'\n"},
		"unchanged, odd but right":  {"a: ?x\n", "a = ?x", "a: ?x\n"},
		"unchanged, another escape": {`a: "\x41"` + "\n", "a = A", `a: "\x41"` + "\n"},
		"unchanged number":          {"a: 2.0\n", "a = 2.0", "a: 2.0\n"},
	}
	// What only looks like a text.
	for _, v := range strings.Fields("2.0 2 true null ~ 1e3 1e 0777 0o7 08 0x1F 0b1 1_000 1:30 2024-01-01 2024-1-1T1:1:1Z " +
		".5 -1 +1 yes No ON off y N .inf -.INF .NaN = << 1. 1.e3 0x_1 190:20:30.15 inf nan Infinity +_1 2024-13-45") {
		cases["text stays a text: "+v] = [3]string{"a: x\n", "a = " + v, fmt.Sprintf("a: %q\n", v)}
	}
	// What cannot stand without quotes.
	for _, v := range []string{"- x", "-", "? x", ": x", "{x", "[x", "]x", "&x", "*x", "!x", "|x", ">x", "%x", "@x", "`x",
		"x: y", "x:", ",x", "--- x", "...x", "x\ty"} {
		cases["needs quotes: "+v] = [3]string{"a: x\n", "a = " + v, "a: " + quoteDouble(v) + "\n"}
	}
	cases["needs quotes: #x"] = [3]string{"a: x\n", "a =#x", "a: \"#x\"\n"}
	cases["needs quotes: x #y"] = [3]string{"a: x\n", "a = 'x #y'", "a: \"x #y\"\n"}
	cases.run(t, "x.yaml")
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	each{
		"literal":                     {"a: |\n  x\nb: 1\n", "a = y", "a: |\n  y\nb: 1\n"},
		"folded":                      {"a: >-\n  x\n  z\nb: 1\n", "a = y", "a: >-\n  y\nb: 1\n"},
		"keep":                        {"a: |+ # c\n  x\n\n\nb: 1\n", "a = y", "a: |+ # c\n  y\n\n\nb: 1\n"},
		"several lines":               {"a: |\n  x\n", `a = "y\n\n z\nq"`, "a: |\n  y\n\n   z\n  q\n"},
		"several lines, line break":   {"a: |\n  x\n", `a = "y\nz\n"`, "a: |\n  y\n  z\n"},
		"folded, several lines":       {"a: >\n  x\n", `a = "y\nz\n\nq"`, "a: >\n  y\n\n  z\n\n\n  q\n"},
		"CRLF":                        {"a: |\r\n  x\r\n  x\r\nb: 1\r\n", `a = "y\nz"`, "a: |\r\n  y\r\n  z\r\nb: 1\r\n"},
		"indentation given":           {"a:\n  b: |2-\n     x\n    z\n", "a.b = y", "a:\n  b: |2-\n    y\n"},
		"blank lines first":           {"a: |\n\n\n  x\n", "a = y", "a: |\n  y\n"},
		"blank lines after":           {"a: |\n  x\n\n# c\nb: 1\n", "a = y", "a: |\n  y\n\n# c\nb: 1\n"},
		"comment after":               {"l:\n  a: |\n    x\n # c\n  b: 1\n", "l.a = y", "l:\n  a: |\n    y\n # c\n  b: 1\n"},
		"no line break at the end":    {"a: |\n  x", "a = y", "a: |\n  y"},
		"in a list":                   {"- |\n x\n- 1\n", "$[0] = y", "- |\n y\n- 1\n"},
		"with an anchor":              {"a: &v |\n  x\n", "a = y", "a: &v |\n  y\n"},
		"with a tag":                  {"a: !!str |\n  2.0\n", "a = 3.0", "a: !!str |\n  3.0\n"},
		"looks like a number":         {"a: |\n  x\n", "a = 2.0", "a: |\n  2.0\n"},
		"looks like a comment":        {"a: |\n  x\n", `a = "# y: z"`, "a: |\n  # y: z\n"},
		"begins with a blank":         {"a: | # c\n  x\n  z\nb: 1\n", `a = " y"`, "a: \" y\" # c\nb: 1\n"},
		"folded, blank at the end":    {"a: >\n  x\nb: 1\n", `a = "y "`, "a: \"y \"\nb: 1\n"},
		"folded, blank first":         {"a: >\n  x\nb: 1\n", `a = "y\n z"`, "a: \"y\\n z\"\nb: 1\n"},
		"control character":           {"a: |\n  x\nb: 1\n", `a = "\e"`, "a: \"\\x1b\"\nb: 1\n"},
		"made empty":                  {"a: |\n  x\nb: 1\n", `a = ""`, "a: \"\"\nb: 1\n"},
		"was empty":                   {"a: |\nb: 1\n", "a = y", "a: \"y\"\nb: 1\n"},
		"unchanged":                   {"a: |\n  x\n", "a = x", "a: |\n  x\n"},
		"blanks at the end of a line": {"a: |\n  x  \n     \n  z\nb: 1\n", "a = y", "a: |\n  y\nb: 1\n"},
		"line of blanks last":         {"a: |\n  x\n      \nb: 1\n", "a = y", "a: |\n  y\nb: 1\n"},
		"document":                    {"--- |\n x\n---\n", "$ = y", "--- |\n y\n---\n"},
	}.run(t, "x.yaml")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	each{
		"text":                 {`{"a":"x"}`, "a = y", `{"a":"y"}`},
		"text stays a text":    {`{"a" : "2"}`, "a = 3", `{"a" : "3"}`},
		"number":               {`{"a":2 }`, "a = 3e1", `{"a":3e1 }`},
		"number to a bool":     {`[2]`, "$[0] = true", `[true]`},
		"number to a text":     {`[2]`, "$[0] = 1.2.3", `["1.2.3"]`},
		"no number of JSON":    {`[2]`, "$[0] = 007", `["007"]`},
		"asked for a text":     {`[2]`, "$[0] = '2'", `["2"]`},
		"null":                 {`[null]`, "$[0] = 2", `[2]`},
		"list is no literal":   {`[2]`, "$[0] = [1]", `["[1]"]`},
		"escapes":              {`["\"\\"]`, `$[0] = "<&>\n\"\0ü"`, `["<&>\n\"\u0000ü"]`},
		"unchanged":            {`["\u0041"]`, "$[0] = A", `["\u0041"]`},
		"lines, tabs and CRLF": {"{\r\n\t\"ü\": \"€\",\r\n\t\"a\": \"x\"\r\n}", "a = y", "{\r\n\t\"ü\": \"€\",\r\n\t\"a\": \"y\"\r\n}"},
		"BOM":                  {"\ufeff[1]\n", "$[0] = 2", "\ufeff[2]\n"},
		"document":             {" 1 ", "$ = 2", " 2 "},
	}.run(t, "x.json")
}

func TestSeveralEdits(t *testing.T) {
	t.Parallel()
	const before = `images:
  - {name: web, newTag: "1"} # web
  - {name: api, newTag: "1"}
replicas: 2
`
	got, applied, err := edit("k/kustomization.yaml", before, "replicas = 3", "images[*].newTag = 2.0",
		"images[?(@.name == 'web')].newTag = 2.0", "images[0].name = web")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`"1"`, `"2.0"`, "replicas: 2", "replicas: 3").Replace(before)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Apply (-want +got):\n%s", diff)
	}
	var did []string
	for _, a := range applied {
		did = append(did, fmt.Sprintf("%d: %s line %d %s -> %s", a.Edit.Line, a.Path, a.Line, a.Old, a.New))
	}
	if diff := cmp.Diff([]string{
		"4: $['images'][0]['name'] line 2 web -> web",
		"2: $['images'][0]['newTag'] line 2 1 -> 2.0",
		"2: $['images'][1]['newTag'] line 3 1 -> 2.0",
		"1: $['replicas'] line 4 2 -> 3",
	}, did); diff != "" {
		t.Errorf("Applied (-want +got):\n%s", diff)
	}
	_, applied, err = edit("a.yaml", "a: 2.0\n", `a = "2.0"`)
	if err != nil || len(applied) != 1 || applied[0].Old != "2.0" || applied[0].New != `"2.0"` {
		t.Errorf("a number that becomes a text: %+v, %v, want Old 2.0 and New \"2.0\"", applied, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	many := "a: [" + strings.Repeat("1, ", maxPlaces+1) + "]\n"
	for name, tc := range map[string]struct {
		file, before string
		edits        []string
		want         string
	}{
		"not there":        {"x.yaml", "a: {b: 1, c: 2}\n", []string{"a.d = 1"}, `"a.d" names nothing: there is no ['d'] in $['a'], which is a mapping with the keys b, c`},
		"not there, deep":  {"x.yaml", "a: 1\n", []string{"a.b.c = 1"}, "there is no ['b']['c'] in $['a'], which is a single value"},
		"not there, list":  {"x.yaml", "a: [1]\n", []string{"a[1] = 1"}, "there is no [1] in $['a'], which is a list of 1"},
		"a dotted number":  {"x.yaml", "a: [{t: 1}, {t: 2}]\n", []string{"a.1.t = 1"}, "there is no ['1']['t'] in $['a'], which is a list of 2: write [1]"},
		"no such element":  {"x.yaml", "a: [{n: x}]\n", []string{"a[?(@.n == 'y')].t = 1"}, "in $['a'], which is a list of 1"},
		"empty file":       {"x.yaml", "# c\n", []string{"a = 1"}, "the file is empty"},
		"a mapping":        {"x.yaml", "a: {b: 1}\n", []string{"a = 1"}, "$['a'] is a mapping with the keys b: name one"},
		"an empty mapping": {"x.yaml", "a: {}\n", []string{"a = 1"}, "$['a'] is a mapping without keys"},
		"a list":           {"x.yaml", "a: [1, 2]\n", []string{"a = 1"}, "$['a'] is a list of 2"},
		"one of several":   {"x.yaml", "a: [1, [2]]\n", []string{"a[*] = 1"}, "$['a'][1] is a list of 1"},
		"alias":            {"x.yaml", "a: &v x\nb: *v\n", []string{"b = y"}, "$['b'] comes from an alias or a merge key (line 1)"},
		"alias on the way": {"x.yaml", "a: &v {c: x}\nb: *v\n", []string{"b.c = y"}, "$['b']['c'] comes from an alias"},
		"merged":           {"x.yaml", "a: &v {c: x}\nb:\n  <<: *v\n", []string{"b.c = y"}, "$['b']['c'] comes from an alias or a merge key (line 1)"},
		"merged in place":  {"x.yaml", "b:\n  <<: {c: x}\n", []string{"b.c = y"}, "comes from an alias or a merge key"},
		"has an alias":     {"x.yaml", "a: &v x\nb: *v\n", []string{"a = y"}, "$['a'] is used in line 2, too, by the alias *v"},
		"in what has one":  {"x.yaml", "a: &v {c: [x]}\nb:\n  <<: *v\n", []string{"a.c[0] = y"}, "$['a']['c'][0] is used in line 3, too"},
		"two values":       {"x.yaml", "a: 1\n", []string{"a = 2", "$.a = 3"}, "line 2: \"x.yaml\": $['a'] gets another value in line 1"},
		"two kinds":        {"x.yaml", "a: 1\n", []string{"a = 2", `a = "2"`}, "gets another value in line 1"},
		"tag does not fit": {"x.yaml", "a: !!int 1\n", []string{"a = x"}, "it has the tag !!int"},
		"tag, text":        {"x.yaml", "a: !!int 1\n", []string{`a = "2"`}, "it has the tag !!int"},
		"block with a tag": {"x.yaml", "a: !!binary |\n  eA==\n", []string{"a = eQ=="}, "a block scalar with such a tag"},
		"no place for it":  {"x.yaml", "{a, b: 1}\n", []string{"a = 1"}, "there is no value and no colon"},
		// The writing mistakes the end of the comment for the colon; the last guard does not.
		"the last guard":    {"x.yaml", "{a: # c:\n , b: 1}\n", []string{"a = 1"}, "would change more than what they name, near line 2"},
		"many":              {"x.yaml", many, []string{"a[*] = 2"}, "more than 10000 places"},
		"broken file":       {"x.yaml", "a: [\n", []string{"a = 1"}, "it is not YAML"},
		"broken JSON":       {"x.json", "{", []string{"a = 1"}, "it is not JSON"},
		"all at once":       {"x.yaml", "a: 1\n", []string{"b = 1", "c = 1"}, "['c'] in $"},
		"no more than some": {"x.yaml", "a: 1\n", strings.Split(strings.Repeat("b = 1\n", 9)+"b = 1", "\n"), "; and 5 more"},
		"hostile key":       {"x.yaml", "\"##vso[x]\\n\\e\": 1\n", []string{"b = 1"}, `with the keys "# #vso[x]\n\x1b"`},
		"hostile path":      {"x.yaml", "\"##vso[x]\\e\": {}\n", []string{"$[*] = 1"}, `$['# #vso[x]\u001b'] is a mapping`},
		"looks at too much": {"x.json", strings.Repeat("[", 150) + strings.Repeat("]", 150), []string{"$..*..*..*..*..*..* = 1"}, "too many places"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after, applied, err := edit(tc.file, tc.before, tc.edits...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Apply(%.60q, %q) = %q, %v, want an error with %q", tc.before, tc.edits, after, err, tc.want)
			}
			if after != "" || applied != nil {
				t.Errorf("Apply(%.60q, %q) gives %q, %v with its error", tc.before, tc.edits, after, applied)
			}
			if text := err.Error(); len(text) > 1500 || strings.ContainsAny(text, "\r\n\x1b") || strings.Contains(text, "##vso[") {
				t.Errorf("Apply(%.60q, %q): %q is no harmless line", tc.before, tc.edits, text)
			}
		})
	}
}

func TestValueThatIsNoText(t *testing.T) {
	t.Parallel()
	edits, err := ParseEdits([]string{"x.yaml: a = 1"})
	if err != nil {
		t.Fatal(err)
	}
	edits[0].Value = "\xff"
	if got, _, err := Apply("x.yaml", []byte("a: x\n"), edits); err == nil || !strings.Contains(err.Error(), "the value is not UTF-8") {
		t.Errorf("Apply(a = \\xff) = %q, %v, want an error", got, err)
	}
}
