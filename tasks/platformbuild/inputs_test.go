package platformbuild

import (
	"strings"
	"testing"
)

// All that is wrong with the inputs is said at once, before anything is done.
func TestWrongInputs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		says   []string
	}{
		"everything": {
			[]string{
				"containerRegistry", "", "repository", "", "tags", "a b, ok,-x", "platforms", "linux/amd", "Dockerfile", "nowhere",
				"buildContext", "nowhere-too", "buildArgs", "novalue\nA=1\nA=2", "arguments", "--push", "labels", "=x",
				"annotations", "y", "secrets", "hunter2", "buildContexts", "a=nowhere-either", "signingKey", "https://x",
			},
			[]string{
				`input "containerRegistry": it is empty`, `input "repository": it is empty`, `input "tags"`, `input "platforms"`,
				`there is no file "nowhere"`, `"nowhere-too" is no folder`, `input "buildArgs": line 1 has no name=value`,
				`"A" is there twice`, `input "arguments"`, "--push", `input "labels": line 1`, `input "annotations": line 1`,
				`input "secrets": line 1: it is not made of key=value`, `"nowhere-either" is neither a folder`,
				`input "azureSubscription"`,
			},
		},
		"no tags":      {[]string{"tags", " , "}, []string{`input "tags": it is empty`}},
		"no platforms": {[]string{"platforms", ","}, []string{`input "platforms": it is empty`}},
		"platforms": {
			[]string{"platforms", "linux/amd, windows/foo\nlinux/amd64"}, []string{"linux/amd64", `"linux/amd"`, `"windows/foo"`},
		},
		"a registry in the repository": {
			[]string{"repository", "contoso.azurecr.io/shop/web"}, []string{"it begins with another registry", "contoso.azurecr.io"},
		},
		"another port in the repository": {
			[]string{"repository", "127.0.0.1:1/shop/web"}, []string{"it begins with another registry"},
		},
		"a tag in the repository":      {[]string{"repository", "shop/web:1"}, []string{"it has a tag or a digest"}},
		"a digest in the repository":   {[]string{"repository", "shop/web@sha256:" + strings.Repeat("a", 64)}, []string{"it has a tag or a digest"}},
		"a scanner that is none":       {[]string{"sbom", "true", "sbomGenerator", "a,b=c"}, []string{`input "sbomGenerator"`, "registry/name:tag"}},
		"an SSH key that is not there": {[]string{"ssh", "default\ngit=.ssh/nowhere"}, []string{`input "ssh": line 2: there is no file ".ssh/nowhere"`}},
		"a tag with a space":           {[]string{"tags", "my tag"}, []string{`the tag "my tag" must be`, "How to fix: write one tag a line"}},
		"what the task sets itself":    {[]string{"arguments", "--push"}, []string{"--push does not belong", "How to fix: leave out"}},
		"a scanner and no SBOM":        {[]string{"sbomGenerator", "syft"}, []string{`input "sbomGenerator"`, "it is set, but sbom is not true, so it would do nothing"}},
		"a repository that is none":    {[]string{"repository", "Shöp/web"}, []string{`input "repository"`, "lower case"}},
		"no such connection":           {[]string{"containerRegistry", "nobody"}, []string{"containerRegistry", "Docker Registry"}},
		"another argument twice": {
			[]string{"buildArgs", "A=1", "arguments", "--build-arg A=2"}, []string{`"A" has another value in buildArgs`},
		},
		"an argument without a value": {
			[]string{"arguments", "--build-arg NOWHERE"}, []string{`--build-arg "NOWHERE" has no value`},
		},
		"a secret that is not there": {
			[]string{"secrets", "id=a,env=NOWHERE\nid=b,src=nowhere\nid=c\nenv=A\nid=d,env=A,src=Dockerfile\nid=e,key=A"},
			[]string{
				`line 1: there is no variable "NOWHERE"`, `line 2: there is no file "nowhere"`, "line 3: it needs an id",
				"line 4: it needs an id", "line 5: it needs an id", `line 6: "key" is not known`,
			},
		},
		"a context from elsewhere": {
			[]string{"buildContext", "https://github.com/a/b.git"}, []string{`input "buildContext"`, "is no folder"},
		},
		"a named context from elsewhere": {
			[]string{"buildContexts", "a=https://github.com/a/b.git"}, []string{"is neither a folder nor docker-image://"},
		},
		"a Dockerfile that is a folder":  {[]string{"Dockerfile", "dir"}, []string{`"dir" is no file`}},
		"several Dockerfiles":            {[]string{"Dockerfile", "**/*.Dockerfile"}, []string{"matches several files: dir/a.Dockerfile, dir/b.Dockerfile"}},
		"no Dockerfile for a pattern":    {[]string{"Dockerfile", "*.x"}, []string{`no file matches "*.x"`}},
		"no pattern":                     {[]string{"Dockerfile", "[a"}, []string{`"[a" is no pattern`}},
		"a Dockerfile that is none":      {[]string{"Dockerfile", "dir/broken"}, []string{"sourcepath=dir/broken"}},
		"a Dockerfile that is too large": {[]string{"Dockerfile", "dir/large"}, []string{`"dir/large" has more than 1 MB`}},
		"two keys": {
			[]string{"signingKey", "https://a", "azureSubscription", "a", "publicKey", "k.pem"}, []string{`input "publicKey": there is a signingKey, too`},
		},
		"no such option": {[]string{"lint", "loud"}, []string{"lint"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{
				"Dockerfile": "FROM scratch\n", "dir/a.Dockerfile": "FROM scratch\n", "dir/b.Dockerfile": "FROM scratch\n",
				"dir/broken": "COPY\n", "dir/large": "FROM scratch\n" + strings.Repeat("#\n", 1<<19),
			}).faked(fake{}).set("A", "a-value")
			for _, enforcement := range []string{"warn", "enforce"} { // wrong inputs are no refusal
				j.input(tc.inputs...).input("enforcement", enforcement)
				j.refuses("", "")
				j.says(tc.says...)
			}
			j.silent("hunter2")
			if asked := j.asked(); len(asked) > 0 || len(j.registry.Requests()) > 0 {
				t.Errorf("docker was asked for %q, the registry for\n%s", asked, j.registry.Log())
			}
		})
	}
}

// Inputs that docker build has as options reach it.
func TestInputsReachDocker(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs  []string
		want    string // in the command line of the build
		without string
	}{
		"buildArgs":       {[]string{"buildArgs", "A=1\n B = b c "}, `"--build-arg=A=1" "--build-arg=B=b c"`, ""},
		"arguments":       {[]string{"arguments", `--build-arg C=3 --add-host x:127.0.0.1 --shm-size=1g`}, `"--build-arg=C=3" "--add-host=x:127.0.0.1" "--shm-size=1g"`, ""},
		"a variable":      {[]string{"arguments", "--build-arg BUILD_BUILDID"}, `"--build-arg=BUILD_BUILDID=100"`, ""},
		"target":          {[]string{"target", "last"}, `"--target=last"`, ""},
		"pull":            {nil, `"--pull"`, "--no-cache"},
		"no pull":         {[]string{"pull", "false"}, "", "--pull"},
		"noCache":         {[]string{"noCache", "true"}, `"--no-cache"`, ""},
		"ssh":             {[]string{"ssh", "default"}, `"--ssh=default"`, ""},
		"ssh with a key":  {[]string{"ssh", "git=Dockerfile,raw=true"}, `/work/1/s/Dockerfile,raw=true"`, `--ssh=git=Dockerfile`},
		"buildContexts":   {[]string{"buildContexts", "base=docker-image://alpine\nsrc=."}, `"--build-context=base=docker-image://alpine" "--build-context=src=`, ""},
		"platforms":       {[]string{"platforms", "linux/amd64, linux/arm64/v8\nlinux/amd64"}, `"--platform=linux/amd64,linux/arm64"`, ""},
		"provenance":      {nil, `"--provenance=mode=min"`, ""},
		"provenance max":  {[]string{"provenance", "max"}, `"--provenance=mode=max"`, ""},
		"provenance off":  {[]string{"provenance", "off"}, `"--provenance=false"`, ""},
		"sbom":            {[]string{"sbom", "true"}, `"--sbom=true"`, ""},
		"sbomGenerator":   {[]string{"sbom", "true", "sbomGenerator", " Mirror.invalid/syft:1 "}, `"--sbom=generator=mirror.invalid/syft:1"`, "--sbom=true"},
		"builder":         {[]string{"builder", "mine"}, `"--builder=default"`, ""}, // as the fake calls itself
		"labels":          {[]string{"labels", "tier=front"}, `"--label=tier=front"`, ""},
		"annotations":     {[]string{"annotations", "x=y"}, `"--annotation=index,manifest:x=y"`, ""},
		"pushed unnamed":  {nil, "push-by-digest=true", "--tag"},
		"cache none":      {[]string{"cache", "none"}, "", "--cache"},
		"cache registry":  {nil, `/shop/web:buildcache-main" "--cache-to=type=registry,ref=`, ":buildcache-main,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true\" \"--cache"},
		"cache inline":    {[]string{"cache", "inline", "tags", "a,b"}, `/shop/web:buildcache-main" "--cache-to=type=inline"`, ""},
		"one's own cache": {[]string{"cacheFrom", "type=gha", "cacheTo", "type=gha,mode=max"}, `"--cache-from=type=gha" "--cache-to=type=gha,mode=max"`, "buildcache"},
		"only cacheFrom":  {[]string{"cacheFrom", "type=gha"}, `"--cache-from=type=gha"`, "--cache-to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, fake{}).input(tc.inputs...)
			j.want("Succeeded")
			built := strings.Join(j.built(), "\n")
			if !strings.Contains(built, tc.want) || tc.without != "" && strings.Contains(built, tc.without) {
				t.Errorf("docker was asked for %s\nwant %s, without %q", built, tc.want, tc.without)
			}
		})
	}
	request := fakeJob(t, fake{}).set("BUILD_SOURCEBRANCH", "refs/pull/7/merge")
	request.want("Succeeded")
	if built := strings.Join(request.built(), "\n"); strings.Contains(built, "--cache-to") ||
		!strings.Contains(built, "--cache-from") {
		t.Errorf("for a pull request docker was asked for %s", built)
	}
	j := fakeJob(t, fake{}).input("builder", "mine")
	j.want("Succeeded")
	if asked := strings.Join(j.asked(), "\n"); !strings.Contains(asked, `"inspect" "--bootstrap" "--" "mine"`) {
		t.Errorf("docker was asked for %s", asked)
	}
}

// A repository may be written with its registry.
func TestRepositoryWithItsRegistry(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{})
	j.input("repository", " "+j.registry.Host()+"/shop/web ").want("Succeeded")
	if tags := j.tags(); len(tags) != 1 {
		t.Errorf("tags %q", tags)
	}
}

// A platform of the target is checked as people write it.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("platforms", "LINUX/x86_64, linux/arm64", "tags", "a\nb, c")
	j.want("Succeeded")
	if got, want := j.output("platforms"), "linux/amd64,linux/arm64"; got != want {
		t.Errorf("platforms %q, want %q", got, want)
	}
	host := j.registry.Host() + "/shop/web:"
	if got, want := j.output("imageRefs"), host+"a,"+host+"b,"+host+"c"; got != want {
		t.Errorf("imageRefs %q, want %q", got, want)
	}
	if n := len(j.images("b")); n != 2 {
		t.Errorf("%d images, want 2", n)
	}
}
