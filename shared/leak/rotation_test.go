package leak

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func index(steps []string, part string) int {
	return slices.IndexFunc(steps, func(step string) bool { return strings.Contains(step, part) })
}

// Every kind has a recipe of its own, in the order that breaks nothing.
func TestRotation(t *testing.T) {
	t.Parallel()
	titles := map[string]Kind{}
	for _, k := range kinds {
		if _, known := rotations[k]; !known {
			t.Errorf("%s has no recipe", k)
			continue
		}
		r := Rotation(k)
		if other, taken := titles[r.Title]; taken || r.Title == "" || r.Owner == "" {
			t.Errorf("Rotation(%s) has the title %q, as %q has, and the owner %q", k, r.Title, other, r.Owner)
		}
		titles[r.Title] = k
		own := rotations[k]
		places := []int{
			index(r.Steps, own.fresh[0]), index(r.Steps, "az keyvault secret set "), index(r.Steps, "Run the pipelines"),
			index(r.Steps, own.revoke[0]), index(r.Steps, "az keyvault secret set-attributes"), index(r.Steps, "access log"),
			index(r.Steps, "List the runs"), index(r.Steps, "_apis/build/retention/leases"), index(r.Steps, "Delete those runs"),
		}
		if own.unstored {
			places = slices.DeleteFunc(places, func(at int) bool { return at < 0 })
		}
		if !slices.IsSorted(places) || slices.Contains(places, -1) || len(places) < 7 || places[0] != 0 {
			t.Errorf("Rotation(%s): new, vault, use, revoke, disable, look, delete are at %v of\n%s", k, places,
				strings.Join(r.Steps, "\n"))
		}
	}
	for k := range rotations {
		if !slices.Contains(kinds, k) {
			t.Errorf("there is a recipe for %q, which is no kind", k)
		}
	}
}

func TestRotationOfAnUnknownKind(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Rotation(Password), Rotation("no-such-kind")); diff != "" {
		t.Errorf("Rotation of an unknown kind (-password +got):\n%s", diff)
	}
}

// Where there are two keys, programs move to the second before the first ends.
func TestTheSecondKeyComesFirst(t *testing.T) {
	t.Parallel()
	for kind, parts := range map[Kind][3]string{ // the second renewed, read, the first renewed
		StorageKey:   {"--key key2", "keyName=='key2'", "--key key1"},
		MessagingKey: {"--key SecondaryKey", "secondaryConnectionString", "--key PrimaryKey"},
		CosmosKey:    {"--key-kind secondary ", "secondaryMasterKey", "--key-kind primary "},
		RedisKey:     {"--key-type Secondary", "secondaryKey", "--key-type Primary"},
		IoTKey:       {"--renew-key secondary", "--key-type secondary", "--renew-key primary"},
		AppConfigKey: {"--name <store> --id <id of the second>", "connectionString", "--id <id of the first>"},
		RegistryKey:  {"--password-name password2", "passwords[1]", "--password-name password "},
		SearchKey:    {"--key-kind secondary", "secondaryKey", "--key-kind primary"},
		APIMKey:      {"regenerateSecondaryKey", "listSecrets", "regeneratePrimaryKey"},
		AIKey:        {"--key-name key2", "--query key2", "--key-name key1"},
		AzureKey:     {"for the second", "Copy", "for the first"},
		EntraSecret:  {"--append", "--append", "az ad app credential delete"},
		AWSKey:       {"create-access-key", "create-access-key", "--status Inactive"},
		FunctionKey:  {"keys set", "keys list", "keys delete"},
	} {
		steps := Rotation(kind).Steps
		at := []int{
			index(steps, parts[0]), index(steps, parts[1]), index(steps, "az keyvault secret set "),
			index(steps, "Run the pipelines"), index(steps, parts[2]),
		}
		if at[0] < 0 || !slices.IsSorted(at) {
			t.Errorf("Rotation(%s): renewed, read, stored, used, ended at %v of\n%s", kind, at, strings.Join(steps, "\n"))
		}
	}
}

// commands that print the value that they make or read, unless told not to
var printing = regexp.MustCompile(
	`az keyvault secret set |keys? (renew|regenerate|list|show)\b|regenerate-keys|list-keys|renew-key|admin-key|credential ` +
		`(renew|regenerate|reset|show)|connection-string show|generate-sas|create-access-key|databricks tokens create`)

func TestStepsAreShortAndShowNoValue(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, step := range Rotation(k).Steps {
			checkStep(t, k, step)
		}
	}
	for _, bad := range []string{
		"two\nlines", "put it: az keyvault secret set --vault-name v --name n --value <new>", "ends with a stop.",
		"Renew it: az redis regenerate-keys --name <cache> --key-type Primary", "Log in: psql -W", "Use `az`",
		"Set it: PASSWORD = 'Summer2026'", strings.Repeat("x", 400), "x https://h/?sig=abcdef",
	} {
		if stepProblem(bad) == "" {
			t.Errorf("nothing is wrong with %q", bad)
		}
	}
}

// A recipe stands in logs that are scanned, too.
func TestRecipesAreNoFindings(t *testing.T) {
	t.Parallel()
	e, err := New(Options{Key: []byte("test")})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		r := Rotation(k)
		for _, f := range e.String(strings.Join(append(r.Steps, r.Owner), "\n"), string(k), Log) {
			t.Errorf("the rule %s finds %s in line %d of Rotation(%s)", f.Rule, f.Preview, f.Place.Line, k)
		}
	}
}

func checkStep(t *testing.T, k Kind, step string) {
	t.Helper()
	if why := stepProblem(step); why != "" {
		t.Errorf("Rotation(%s): %s: %s", k, why, step)
	}
}

func stepProblem(step string) string {
	first := step[:1]
	silent := strings.Contains(step, "--output none") || strings.Contains(step, "> <file>") || strings.Contains(step, "--query \"[].{")
	switch {
	case strings.ContainsAny(step, "\r\n\t`"):
		return "it is not one line of plain text"
	case len(step) > 320:
		return "it is too long"
	case strings.HasSuffix(step, ".") || strings.ToUpper(first) != first:
		return "it is not written as the others are"
	case strings.Contains(step, "--value") || strings.Contains(step, " -W") || strings.Contains(step, "--password "):
		return "the value would stand in a command line"
	case regexp.MustCompile(`(?i)(password|secret|key|token|sig)\s*=\s*'?[^\s<'?]`).MatchString(step) &&
		!strings.Contains(step, "PASSWORD NULL") && !strings.Contains(step, "AttributeKey="):
		return "it holds a value"
	case printing.MatchString(step) && !silent && strings.Contains(step, "az "):
		return "the command prints the value"
	}
	return ""
}
