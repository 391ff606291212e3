package platformbuild

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// npmToken has the form of the provider's tokens, and is none.
const npmToken = "npm_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA2"

// What would publish a secret is refused, also while the step only warns.
func TestSecretsInTheImage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		says   string // "" if the image is built
		value  string // must not be shown
	}{
		"a name in buildArgs":       {[]string{"buildArgs", "A=1\nNPM_TOKEN=hunter2"}, `the build argument "NPM_TOKEN" has the name of a secret`, "hunter2"},
		"a name in other letters":   {[]string{"buildArgs", "db-password=hunter2"}, `"db-password" has the name`, "hunter2"},
		"a name in one word":        {[]string{"buildArgs", "dbPassword=hunter2"}, `"dbPassword" has the name`, "hunter2"},
		"a name in arguments":       {[]string{"arguments", `--build-arg "API_KEY=hunter2"`}, `the build argument "API_KEY" has the name`, "hunter2"},
		"a name in labels":          {[]string{"labels", "secret=hunter2"}, `the label "secret" has the name`, "hunter2"},
		"a name in annotations":     {[]string{"annotations", "a.access-key=hunter2"}, `the annotation "a.access-key" has the name`, "hunter2"},
		"a provider's token":        {[]string{"buildArgs", "X=" + npmToken}, `the build argument "X" looks like a secret`, npmToken},
		"a token in a longer value": {[]string{"labels", "note=take " + npmToken + " today"}, `the label "note" looks like a secret`, npmToken},
		"the job's token":           {[]string{"annotations", "x=" + jobToken}, `the annotation "x" holds a secret of this job`, ""},
		"the registry's password":   {[]string{"buildArgs", "x=a" + password + "b"}, `the build argument "x" holds a secret of this job`, ""},
		"a secret variable":         {[]string{"buildArgs", "x=wild-horses"}, `holds a secret of this job`, "wild-horses"},
		"a secret of the build":     {[]string{"secrets", "id=npm,env=FORGED", "buildArgs", "x=over-the-hills"}, "holds the secret npm", "over-the-hills"},
		"a secret in an option":     {[]string{"arguments", "--add-host a:wild-horses"}, "a secret of this job stands in the input arguments", "wild-horses"},
		"a secret in cacheTo":       {[]string{"cacheTo", "type=s3,secret_access_key=wild-horses"}, "a secret of this job stands in the input cacheTo", "wild-horses"},
		"a secret in cacheFrom":     {[]string{"cacheFrom", "type=s3,secret_access_key=wild-horses"}, "a secret of this job stands in the input cacheFrom", "wild-horses"},
		"a secret in ssh":           {[]string{"ssh", "default=Dockerfile,x=wild-horses"}, "a secret of this job stands in the input ssh", "wild-horses"},
		"a secret in a context":     {[]string{"buildContexts", "a=docker-image://a/wild-horses"}, "a secret of this job stands in the input buildContexts", "wild-horses"},
		"a secret in a scanner":     {[]string{"sbom", "true", "sbomGenerator", "x.invalid/syft:wild-horses"}, "a secret of this job stands in the input sbomGenerator", "wild-horses"},
		"a secret in a builder":     {[]string{"builder", "wild-horses"}, "a secret of this job stands in the input builder", "wild-horses"},
		"a secret in its image":     {[]string{"buildkitImage", "x.invalid/buildkit:wild-horses"}, "a secret of this job stands in the input buildkitImage", "wild-horses"},
		"a variable of that name":   {[]string{"arguments", "--build-arg MY_TOKEN"}, `the build argument "MY_TOKEN" has the name`, "from-the-env-1234"},
		"nothing secret": {
			[]string{"buildArgs", "VERSION=1.2\nTOKENIZER=fast\nPASSWORD=\nURL=https://x.invalid/a?b=c\nCOMMIT=0123456789abcdef0123456789abcdef01234567", "labels", "team=secretary"},
			"", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, enforcement := range []string{"enforce", "warn"} {
				j := fakeJob(t, fake{}).input(tc.inputs...).input("enforcement", enforcement)
				j.set("SECRET_HORSES", "wild-horses", "FORGED", "over-the-hills", "MY_TOKEN", "from-the-env-1234")
				if tc.says == "" {
					j.want("Succeeded")
					continue
				}
				if guess := strings.Contains(tc.says, "has the name"); guess && enforcement == "warn" {
					j.want("SucceededWithIssues")
					j.says("type=warning;code=image/secret", tc.says)
					continue
				}
				j.refuses("image/secret", tc.says)
				if tc.value != "" && strings.Contains(j.printed(), tc.value) {
					t.Errorf("the log shows the value:\n%s", j.log)
				}
				if tc.value != "" && !strings.Contains(tc.says, "stands in the input") &&
					!regexp.MustCompile(`(?m)^##vso\[task\.setsecret\].*`+tc.value).MatchString(j.log) {
					t.Errorf("the value is not masked:\n%s", j.log)
				}
				if asked := j.asked(); len(asked) > 0 {
					t.Errorf("docker was asked for %q", asked)
				}
			}
		})
	}
}

// What is public by design can be named; a secret cannot.
func TestPublicNames(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("buildArgs", "MAPS_TOKEN=pk.abc\nCDN="+npmToken, "publicNames", "MAPS_TOKEN, CDN")
	j.want("Succeeded")
	j.set("SECRET_HORSES", "wild-horses").input("buildArgs", "MAPS_TOKEN=wild-horses")
	j.refuses("image/secret", "holds a secret of this job")
}

// All that is found is said at once.
func TestAllSecretsAreNamed(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("buildArgs", "A_TOKEN=aaaa1\nB_TOKEN=bbbb1", "labels", "c-token=cccc1")
	j.refuses("image/secret", `"A_TOKEN"`)
	j.says(`"B_TOKEN"`, `"c-token"`, "RUN --mount=type=secret", "rotate it")
}

// Secrets reach the step of the build that mounts them, and nothing else.
func TestSecretsReachTheBuild(t *testing.T) {
	t.Parallel()
	const value, inFile = "a-secret-of-the-build-1234", "a-secret-in-a-file-5678"
	j := realJob(t, map[string]string{
		"Dockerfile": "FROM {base}\nARG NAME\nRUN --mount=type=secret,id=npm,env=TOKEN --mount=type=secret,id=rc " +
			"test \"$TOKEN\" = \"a-secret-of-the\"-build-1234 && test \"$(cat /run/secrets/rc)\" = a-secret-in\"-a-file-5678\" && echo \"it is $TOKEN\" && echo built > /built\n",
	})
	j.must(os.WriteFile(j.path("work/_temp/rc"), []byte(inFile), 0o600))
	j.input("secrets", "id=npm,env=NPM_TOKEN\ntype=file,id=rc,src="+j.path("work/_temp/rc"), "provenance", "max",
		"buildArgs", "NAME=web").set("NPM_TOKEN", value)
	j.want("Succeeded")
	everything := j.everything("100")
	if !strings.Contains(everything, "NAME") || !strings.Contains(everything, "built") {
		t.Errorf("the image is not all there:\n%.2000s", everything)
	}
	for where, text := range map[string]string{
		"the image": everything, "the log": j.printed(),
	} {
		for _, secret := range []string{value, inFile, password, jobToken} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%.3000s", where, secret, text)
			}
		}
	}
	j.must(filepath.WalkDir(j.path("work/_temp"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "rc" {
			return err
		}
		text, err := os.ReadFile(name)
		if strings.Contains(string(text), value) {
			t.Errorf("%s holds the secret", name)
		}
		return err
	}))
}

// No secret is in a command line, which every user of the machine can read.
func TestSecretsAreNotArguments(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("secrets", "id=npm,env=NPM_TOKEN").set("NPM_TOKEN", "a-secret-of-the-build-1234")
	j.want("Succeeded")
	asked := strings.Join(j.asked(), "\n")
	for _, secret := range []string{"a-secret-of-the-build-1234", password, jobToken} {
		if strings.Contains(asked, secret) {
			t.Errorf("docker was asked for %s", asked)
		}
	}
	if !strings.Contains(asked, `"--secret=id=npm,src=`) {
		t.Errorf("docker was not given the secret: %s", asked)
	}
}

// BuildKit runs a step without the secret that it wants.
func TestSecretsThatNobodyGives(t *testing.T) {
	t.Parallel()
	const mounts = "FROM scratch AS a\nRUN --mount=type=secret,id=npm echo\nRUN --mount=type=secret,id=npm echo\nFROM scratch\nRUN --mount=type=secret,id=nuget,required=true echo\n"
	for name, tc := range map[string]struct {
		dockerfile string
		inputs     []string
		result     string
		says       []string
	}{
		"optional": {strings.ReplaceAll(mounts, ",required=true", ""), nil, "SucceededWithIssues", []string{
			`wants the secret "npm"`, `wants the secret "nuget"`, "sourcepath=Dockerfile;linenumber=2", "linenumber=5",
		}},
		"required": {mounts, nil, "Failed", []string{
			`task.logissue type=error;sourcepath=Dockerfile;linenumber=5;code=image/secret-missing;]the Dockerfile wants the secret "nuget"`,
		}},
		"required, and only warned of": {mounts, []string{"enforcement", "warn"}, "SucceededWithIssues", []string{`"nuget"`}},
		"given":                        {mounts, []string{"secrets", "id=npm,env=A\nid=nuget,env=A"}, "Succeeded", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"Dockerfile": tc.dockerfile}).faked(fake{}).input(tc.inputs...)
			j.set("A", "a-secret-of-the-build")
			j.want(tc.result)
			j.says(tc.says...)
			if n := strings.Count(j.log, `wants the secret "npm"`); n > 1 {
				t.Errorf("said %d times:\n%s", n, j.log)
			}
		})
	}
}
