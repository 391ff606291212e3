package mask_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/mask"
)

func masker(values ...string) *mask.Masker {
	m := &mask.Masker{}
	for _, v := range values {
		m.Add(v)
	}
	return m
}

// TestMask holds the vectors of src/Test/L0/SecretMaskerTests/SecretMaskerL0.cs and
// LoggedSecretMaskerL0.cs; the name of each case is theirs where it has no space.
func TestMask(t *testing.T) {
	t.Parallel()
	json := "carriage-return\r_newline\n_tab\t_backslash\\_double-quote\""
	escaped := `carriage-return\r_newline\n_tab\t_backslash\\_double-quote\"`
	backslash := `abc\\def\'\"ghi\t`
	for name, tc := range map[string]struct {
		values     []string
		line, want string
	}{
		"IsSimpleUrlNotMasked": {nil, "https://simpledomain@example.com", "https://simpledomain@example.com"},
		"IsComplexUrlNotMasked": {
			nil, "https://url.com:443/~user/foo=bar+42-18?what=this.is.an.example....~~many@&param=value",
			"https://url.com:443/~user/foo=bar+42-18?what=this.is.an.example....~~many@&param=value",
		},
		"IsUserInfoMaskedCorrectly": {nil, "https://user:pass@example.com", "https://user:***@example.com"},
		"IsUserInfoWithSpecialCharactersMaskedCorrectly": {
			nil, `https://user:pass4';.!&*()=,$-+~@example.com`, "https://user:***@example.com",
		},
		"IsUserInfoWithDigitsInNameMaskedCorrectly": {
			nil, "https://username123:password@example.com", "https://username123:***@example.com",
		},
		"IsUserInfoWithEncodedCharactersdInNameMaskedCorrectly": {
			nil, "https://username%10%A3%F6:password123@example.com", "https://username%10%A3%F6:***@example.com",
		},
		"IsUserInfoWithEncodedAndEscapedCharactersdInNameMaskedCorrectly": {
			nil, "https://username%AZP2510%AZP25A3%AZP25F6:password123@example.com",
			"https://username%AZP2510%AZP25A3%AZP25F6:***@example.com",
		},
		"escapes in the password":         {nil, "//u:a%20b%AZP2520c@h", "//u:***@h"},
		"colon in the password":           {nil, "//u:a:b@h", "//u:***@h"},
		"letters of any script":           {nil, "//u:größe@h", "//u:***@h"},
		"bad escape in the password":      {nil, "//u:a%2@h", "//u:a%2@h"},
		"slash in the password":           {nil, "//u:a/b@h", "//u:a/b@h"},
		"no user":                         {nil, "//:pass@h", "//:pass@h"},
		"no password":                     {nil, "//u:@h", "//u:@h"},
		"token for user":                  {nil, "//token@h", "//token@h"},
		"no scheme":                       {nil, "u:pass@h", "u:pass@h"},
		"three slashes":                   {nil, "file:///u:pass@h", "file:///u:***@h"},
		"at sign in the user":             {nil, "//u@x:pass@h", "//u@x:***@h"},
		"two URLs":                        {nil, "http://a:b@c http://d:e@f", "http://a:***@c http://d:***@f"},
		"URL at the end":                  {nil, "http://a:b", "http://a:b"},
		"slashes at the end":              {nil, "http://", "http://"},
		"JsonStringEscape raw":            {[]string{json}, json, "***"},
		"JsonStringEscape":                {[]string{json}, escaped, "***"},
		"JSON control characters":         {[]string{"a\x01\u2028z"}, `a\u0001\u2028z`, "***"},
		"BackslashEscape raw":             {[]string{backslash}, backslash, "***"},
		"BackslashEscape":                 {[]string{backslash}, `abc\def'"ghi` + "\t", "***"},
		"UriDataEscape raw":               {[]string{"hello world"}, "hello world", "***"},
		"UriDataEscape":                   {[]string{"hello world"}, "hello%20world", "***"},
		"UriDataEscape surrogates":        {[]string{" 𐐷𐐷"}, "%20%F0%90%90%B7%F0%90%90%B7", "***"},
		"UriDataEscape keeps unreserved":  {[]string{"a-_.~!*"}, "a-_.~%21%2A", "***"},
		"lower-case hex is a gap":         {[]string{"a/b+c"}, "a%2fb%2bc", "a%2fb%2bc"},
		"base64 of a run-time secret too": {[]string{"secret"}, "c2VjcmV0", "c2VjcmV0"},
		"HandlesEmptyInput":               {[]string{"abcd"}, "", ""},
		"HandlesNoMasks":                  {nil, "abcdefg", "abcdefg"},
		"ReplacesValue":                   {[]string{"def"}, "abcdefg", "abc***g"},
		"ReplacesMultipleInstances":       {[]string{"def"}, "abcdefgdef", "abc***g***"},
		"ReplacesMultipleAdjacent":        {[]string{"abc"}, "abcabcdef", "***def"},
		"ReplacesMultipleSecrets":         {[]string{"bcd", "fgh"}, "abcdefghi", "a***e***i"},
		"ReplacesOverlappingSecrets":      {[]string{"def", "bcd"}, "abcdefg", "a***g"},
		"ReplacesAdjacentSecrets":         {[]string{"efg", "bcd"}, "abcdefgh", "a***h"},
		"overlaps itself":                 {[]string{"aba"}, "ababa!", "***!"},
		"inside another":                  {[]string{"abcdef", "cd"}, "xabcdefx", "x***x"},
		"MaskingSecrets: one character":   {[]string{"1"}, "123", "***23"},
		"empty value":                     {[]string{""}, "abc", "abc"},
		"case matters":                    {[]string{"Secret"}, "secret SECRET Secret", "secret SECRET ***"},
		"two lines never match one":       {[]string{"a1\nb2"}, "a1", "a1"},
		"URL password beside a secret":    {[]string{"@h"}, "//u:pass@h", "//u:***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := masker(tc.values...).Mask(tc.line); got != tc.want {
				t.Errorf("Mask(%q) with secrets %q = %q, want %q", tc.line, tc.values, got, tc.want)
			}
		})
	}
}

// TestAddJobSecret holds the set that Worker.cs (InitializeSecretMasker) makes.
func TestAddJobSecret(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value, line, want string
	}{
		"value":                      {"pa ss", "pa ss", "***"},
		"double quotes":              {`"quoted"`, "x quoted x", "x *** x"},
		"single quotes":              {"'quoted'", "x quoted x", "x *** x"},
		"several quotes":             {"''quoted'''", "x quoted x", "x *** x"},
		"different quotes":           {`'quoted"`, "x quoted x", "x quoted x"},
		"white space at the ends":    {"\r\n value \n", "x value x", "x *** x"},
		"tab is not trimmed":         {"\tvalue\t", "value", "value"},
		"escaped lines":              {"a\nb%", "a%0Ab%AZP25", "***"},
		"escaped lines, no percent":  {"a\r\nb%", "a%0D%0Ab%", "***"},
		"base64":                     {"secret", "c2VjcmV0", "***"},
		"base64 of another offset":   {"secret", "eHNlY3JldA==", "eHNlY3JldA=="},
		"base64 in a URL":            {"a?b>", "YT9iPg%3D%3D", "***"},
		"white space alone":          {" \t\r\n", "a \t b", "a \t b"},
		"one quote":                  {`"`, `say "x"`, "say ***x***"},
		"one line of several":        {"line1\nline2", "line1", "line1"},
		"quoted JSON, quotes inside": {`"a""b"`, `a""b`, "***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m mask.Masker
			m.AddJobSecret(tc.value)
			if got := m.Mask(tc.line); got != tc.want {
				t.Errorf("Mask(%q) with job secret %q = %q, want %q", tc.line, tc.value, got, tc.want)
			}
		})
	}
}

func TestIgnoreShorterThan(t *testing.T) {
	t.Parallel()
	t.Run("RemoveShortSecretsBoundaryValues", func(t *testing.T) {
		t.Parallel()
		m := masker("bc", "defg", "h12")
		if got, want := m.Mask("abcdefgh123"), "a***3"; got != want {
			t.Errorf("Mask before = %q, want %q", got, want)
		}
		m.IgnoreShorterThan(3)
		if got, want := m.Mask("abcdefgh123"), "abc***3"; got != want {
			t.Errorf("Mask after IgnoreShorterThan(3) = %q, want %q", got, want)
		}
		if diff := cmp.Diff([]string{"defg", "h12"}, m.Values()); diff != "" {
			t.Errorf("Values() (-want +got):\n%s", diff)
		}
	})
	for name, tc := range map[string]struct {
		min         int
		value, want string
	}{
		"Skipping_ShortSecrets":      {3, "1", "1234567"},
		"BoundaryValue":              {6, "12345", "1234567"},
		"BoundaryValue2":             {6, "123456", "***7"},
		"Sets_MinSecretLength_ToMax": {7, "123456", "***7"},
		"NegativeValue_Passed":       {-2, "1", "***234567"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m mask.Masker
			m.IgnoreShorterThan(tc.min)
			m.Add(tc.value)
			if got := m.Mask("1234567"); got != tc.want {
				t.Errorf("Mask with minimum %d and secret %q = %q, want %q", tc.min, tc.value, got, tc.want)
			}
		})
	}
	t.Run("may be lowered again", func(t *testing.T) {
		t.Parallel()
		m := masker("12")
		m.IgnoreShorterThan(3)
		m.IgnoreShorterThan(0)
		m.Add("12")
		if got, want := m.Mask("123"), "***3"; got != want {
			t.Errorf("Mask after adding again = %q, want %q", got, want)
		}
	})
}

func TestSecretParameter(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"IdToken": true, "idToken": true, "serviceprincipalid": true, "AccessToken": true, "password": true,
		"tenantid": false, "TenantId": false, "scope": false,
		"accesstokentype": false, "AcceptUntrustedCertificates": false,
	} {
		if got := mask.SecretParameter(name); got != want {
			t.Errorf("SecretParameter(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestMaskerIsConcurrencySafe(t *testing.T) {
	t.Parallel()
	var m mask.Masker
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				value := fmt.Sprintf("secret-%d-%d!", i, j)
				m.Add(value)
				if got := m.Mask("<" + value + ">"); got != "<***>" {
					t.Errorf("Mask of %q just added = %q, want <***>", value, got)
				}
				m.Values()
			}
		})
	}
	wg.Wait()
}

func FuzzMask(f *testing.F) {
	f.Add("secret", "a secret b", "s")
	f.Add("//u:p@h", "x//u:p@h//u:pw@h", "")
	f.Add("a\\tb", "a\tb a\\tb", "%41")
	f.Add("*", "a*b", "**")
	f.Fuzz(func(t *testing.T, secret, line, other string) {
		m := masker(secret, other)
		got := m.Mask(line)
		// The mask itself is the only thing that may look like a secret again.
		for part := range strings.SplitSeq(got, mask.Replacement) {
			for _, value := range m.Values() {
				if strings.Contains(part, value) && !strings.Contains(line, mask.Replacement) {
					t.Errorf("Mask(%q) with %q = %q still holds %q", line, []string{secret, other}, got, value)
				}
			}
		}
		if len(m.Values()) == 0 && !strings.Contains(line, "//") && got != line {
			t.Errorf("Mask(%q) without secrets = %q", line, got)
		}
	})
}
