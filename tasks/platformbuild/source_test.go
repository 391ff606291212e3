package platformbuild

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// sourceFiles are a repository with a build context that is not all of it.
var sourceFiles = map[string]string{
	"web/Dockerfile": "FROM scratch\nCOPY app /app\n", "web/app": "app\n", "web/.dockerignore": "docs\n.dockerignore\n",
	"web/docs/a.md": "a\n", "other/b": "b\n", "assets/c": "c\n", ".gitignore": "*.log\nmade\n",
}

func sourceJob(t *testing.T) *job {
	t.Helper()
	return newJob(t, sourceFiles).faked(fake{}).input("Dockerfile", "web/Dockerfile")
}

// submodule adds one with two commits.
func (j *job) submodule(path string) *job {
	j.t.Helper()
	j.shell("git", "init", "-q", "../lib")
	as := []string{"git", "-C", "../lib", "-c", "user.name=a", "-c", "user.email=a@b.invalid"}
	for _, text := range []string{"first\n", "second\n"} {
		j.must(os.WriteFile(j.path("work/1/lib/i"), []byte(text), 0o644))
		j.shell("git", "-C", "../lib", "add", "i")
		j.shell(append(slices.Clone(as), "commit", "-q", "-m", "work")...)
	}
	j.shell("git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", j.path("work/1/lib"), path)
	return j.commit()
}

// repository commits everything in a folder to a repository of its own.
func (j *job) repository(path string) *job {
	j.t.Helper()
	j.shell("git", "init", "-q", path)
	j.shell("git", "-C", path, "add", "-A")
	j.shell("git", "-C", path, "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "--allow-empty", "-m", "work")
	return j
}

// An image is of a commit, and the commit that the run says.
func TestSources(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		rule   string // "" if the image is built
		says   string
	}{
		"as committed": {change: func(*job) {}},
		"a file is changed": {
			func(j *job) { j.write(map[string]string{"web/app": "other\n"}) }, "image/dirty",
			"1 file in the build context differs from the commit: web/app",
		},
		"a change is staged": {
			func(j *job) { j.write(map[string]string{"web/app": "other\n"}); j.shell("git", "add", "-A") },
			"image/dirty", "web/app",
		},
		"a file is new": {
			func(j *job) { j.write(map[string]string{"web/new": "new\n", "web/x/y": "new\n"}) }, "image/dirty",
			"web/new, web/x/y",
		},
		"a file is gone": {
			func(j *job) { j.must(os.Remove(j.path("work/1/s/web/app"))) }, "image/dirty", "web/app",
		},
		"a file is new, and ignored by git": {
			change: func(j *job) { j.write(map[string]string{"web/a.log": "x\n"}) },
		},
		"a file is changed that Docker ignores": {
			change: func(j *job) { j.write(map[string]string{"web/docs/a.md": "other\n"}) },
		},
		"a file outside of the context is changed": {
			change: func(j *job) { j.write(map[string]string{"other/b": "other\n", "new": "\n"}) },
		},
		"a file of a named context is changed": {
			func(j *job) {
				j.write(map[string]string{"assets/c": "other\n"}).input("buildContexts", "assets=assets")
			}, "image/dirty", "assets/c",
		},
		"a file of a named context is changed that Docker ignores elsewhere": {
			func(j *job) {
				j.write(map[string]string{"web/docs/a.md": "other\n"}).input("buildContexts", "docs=web/docs")
			}, "image/dirty", "web/docs/a.md",
		},
		"a file beside a named context is changed": {
			change: func(j *job) {
				j.write(map[string]string{"other/b": "x\n"}).input("buildContexts", "assets=assets\nx=docker-image://x")
			},
		},
		"the Dockerfile is changed": {
			func(j *job) { j.write(map[string]string{"web/Dockerfile": "FROM scratch\n"}) }, "image/dirty",
			"web/Dockerfile",
		},
		"the Dockerfile is changed, outside of the context": {
			func(j *job) {
				j.write(map[string]string{"web/Dockerfile": "FROM scratch\n"}).input("buildContext", "other")
			}, "image/dirty", "web/Dockerfile",
		},
		"the Dockerfile is ignored by git": {
			func(j *job) {
				j.write(map[string]string{"made": "FROM scratch\n"}).input("Dockerfile", "made", "buildContext", "web")
			}, "image/dirty", "no commit has the Dockerfile made",
		},
		"the Dockerfile is outside of the checkout": {
			func(j *job) {
				j.must(os.WriteFile(j.path("work/_temp/Dockerfile"), []byte("FROM scratch\n"), 0o644))
				j.input("Dockerfile", j.path("work/_temp/Dockerfile"), "buildContext", "web")
			}, "image/dirty", "no commit has the Dockerfile",
		},
		".dockerignore is changed, which ignores itself": {
			func(j *job) { j.write(map[string]string{"web/.dockerignore": ".dockerignore\n"}) }, "image/dirty",
			"web/.dockerignore",
		},
		".dockerignore is in no sparse checkout": {
			func(j *job) { j.shell("git", "sparse-checkout", "set", "--no-cone", "/web/Dockerfile") }, "image/dirty",
			"differs from the commit: web/.dockerignore",
		},
		"the Dockerfile's own .dockerignore is new": {
			func(j *job) { j.write(map[string]string{"web/Dockerfile.dockerignore": "*\n!app\n"}) }, "image/dirty",
			"web/Dockerfile.dockerignore",
		},
		"a checkout in the checkout": {
			func(j *job) {
				j.shell("git", "init", "-q", "web/vendor")
				j.write(map[string]string{"web/vendor/x": "x\n"})
			}, "image/dirty", "web/vendor",
		},
		"a file is changed that git was told not to look at": {
			func(j *job) {
				j.shell("git", "update-index", "--assume-unchanged", "web/app")
				j.write(map[string]string{"web/app": "other\n"})
			}, "image/dirty", "web/app",
		},
		"a file is changed that is in no sparse checkout": {
			func(j *job) {
				j.shell("git", "update-index", "--skip-worktree", "web/app")
				j.write(map[string]string{"web/app": "other\n"})
			}, "image/dirty", "web/app",
		},
		"a file is new, and ignored by this checkout alone": {
			func(j *job) { j.write(map[string]string{".git/info/exclude": "*.tmp\n", "web/a.tmp": "x\n"}) },
			"image/dirty", "web/a.tmp",
		},
		"a file is new, and ignored by no commit": {
			func(j *job) { j.write(map[string]string{".gitignore": "*.tmp\n", "web/a.tmp": "x\n"}) },
			"image/dirty", "1 file in the build context differs from the commit: .gitignore",
		},
		"a file is new, and ignored by no commit, as Docker ignores that": {
			func(j *job) {
				j.write(map[string]string{"web/Dockerfile.dockerignore": "**/.gitignore\n"}).commit()
				j.write(map[string]string{"web/x/.gitignore": "*.tmp\n", "web/x/a.tmp": "x\n"})
			}, "image/dirty", "web/x/.gitignore",
		},
		"what git ignores is changed elsewhere": {
			change: func(j *job) {
				j.write(map[string]string{"other/.gitignore": "*.tmp\n", "web/docs/.gitignore": "*.tmp\n"})
			},
		},
		"a submodule": {change: func(j *job) { j.submodule("web/lib") }},
		"a file of a submodule is changed": {
			func(j *job) { j.submodule("web/lib").write(map[string]string{"web/lib/i": "other\n"}) },
			"image/dirty", "1 file in the build context differs from the commit: web/lib/i",
		},
		"a file of a submodule is new": {
			func(j *job) { j.submodule("web/lib").write(map[string]string{"web/lib/new": "x\n"}) },
			"image/dirty", "web/lib/new",
		},
		"a file of a submodule is changed that Docker ignores": {
			change: func(j *job) { j.submodule("web/docs/lib").write(map[string]string{"web/docs/lib/i": "other\n"}) },
		},
		"a file of a submodule outside of the context is changed": {
			change: func(j *job) { j.submodule("other/lib").write(map[string]string{"other/lib/i": "other\n"}) },
		},
		"a submodule is at another commit": {
			func(j *job) {
				j.submodule("web/lib").shell("git", "-C", "web/lib", "checkout", "-q", "HEAD~1")
			}, "image/dirty", "web/lib",
		},
		"a submodule is at another commit, and Docker takes one file of it": {
			func(j *job) {
				j.submodule("web/lib").write(map[string]string{"web/.dockerignore": "*\n!lib/i\n"}).commit()
				j.shell("git", "-C", "web/lib", "checkout", "-q", "HEAD~1")
			}, "image/dirty", "web/lib",
		},
		"a submodule outside of the context is at another commit": {
			change: func(j *job) {
				j.submodule("other/lib").shell("git", "-C", "other/lib", "checkout", "-q", "HEAD~1")
			},
		},
		"a submodule is no repository": {
			func(j *job) { j.submodule("web/lib"); j.must(os.Remove(j.path("work/1/s/web/lib/.git"))) },
			"image/dirty", "web/lib",
		},
		"a submodule is kept elsewhere": {
			func(j *job) {
				j.submodule("web/lib")
				j.must(os.Rename(j.path("work/1/s/.git/modules/web/lib"), j.path("work/_temp/lib")))
				j.write(map[string]string{"web/lib/.git": "gitdir: " + j.path("work/_temp/lib")})
			}, "image/source", "git submodule update --init). How to fix: check the repository out anew",
		},
		"the Dockerfile is changed, and the context a submodule": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", "web/lib")
				j.write(map[string]string{"web/Dockerfile": "FROM scratch\n"})
			}, "image/dirty", "web/Dockerfile",
		},
		"the Dockerfile is staged, in another checkout": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", "web/lib").set("BUILD_REPOSITORY_LOCALPATH", j.path("work/1/x"))
				j.write(map[string]string{"web/Own": "FROM scratch\n"}).input("Dockerfile", "web/Own")
				j.shell("git", "add", "web/Own")
			}, "image/dirty", "web/Own",
		},
		"the Dockerfile's own .dockerignore is new, in another checkout": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", "web/lib").set("BUILD_REPOSITORY_LOCALPATH", j.path("work/1/x"))
				j.write(map[string]string{"web/Dockerfile.dockerignore": "*\n"})
			}, "image/dirty", "web/Dockerfile.dockerignore",
		},
		"the Dockerfile's checkout is at another commit": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", j.path("work/1/lib"))
				started := j.env["BUILD_SOURCEVERSION"]
				j.write(map[string]string{"x": "x"}).commit().set("BUILD_SOURCEVERSION", started)
			}, "image/commit", "but this run is for",
		},
		"a repository that a step has made": {
			func(j *job) { j.write(map[string]string{"web/app": "other\n"}); j.repository("web") }, "image/source",
			`"web" is a repository of its own inside of the checkout`,
		},
		"a repository that a step has made of what git ignores": {
			func(j *job) {
				j.write(map[string]string{"made/Dockerfile": "FROM scratch\n"}).repository("made")
				j.input("Dockerfile", "made/Dockerfile", "buildContext", "web")
			}, "image/source", `"made" is a repository of its own`,
		},
		"the context is a submodule": {change: func(j *job) { j.submodule("web/lib").input("buildContext", "web/lib") }},
		"the context is in a submodule of a submodule": {change: func(j *job) {
			j.submodule("web/lib").repository("../more")
			j.shell("git", "-C", "web/lib", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
				j.path("work/1/more"), "more")
			j.repository("web/lib").commit().input("buildContext", "web/lib/more")
		}},
		"the context is a submodule at another commit": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", "web/lib")
				j.shell("git", "-C", "web/lib", "checkout", "-q", "HEAD~1")
			}, "image/dirty", "web/lib",
		},
		"the context is a submodule of another commit": {
			func(j *job) {
				j.submodule("web/lib").input("buildContext", "web/lib")
				started := j.env["BUILD_SOURCEVERSION"]
				j.write(map[string]string{"x": "x"}).commit().set("BUILD_SOURCEVERSION", started)
			}, "image/commit", "but this run is for",
		},
		"another commit": {
			func(j *job) {
				started := j.env["BUILD_SOURCEVERSION"]
				j.write(map[string]string{"x": "x"}).commit().set("BUILD_SOURCEVERSION", started)
			}, "image/commit", "but this run is for",
		},
		"the same commit, written in another way": {
			change: func(j *job) { j.set("BUILD_SOURCEVERSION", strings.ToUpper(j.head())) },
		},
		"another commit, of a second checkout": {
			change: func(j *job) {
				j.set("BUILD_SOURCEVERSION", strings.Repeat("a", 40), "BUILD_REPOSITORY_LOCALPATH", j.path("work/1/other"))
			},
		},
		"no commit of the run, as in a release": {
			change: func(j *job) { j.set("BUILD_SOURCEVERSION", "") },
		},
		"no repository": {
			func(j *job) { j.must(os.RemoveAll(j.path("work/1/s/.git"))) }, "image/source",
			`the build context "web" is in no git checkout`,
		},
		"a repository without a commit": {
			func(j *job) { j.must(os.RemoveAll(j.path("work/1/s/.git"))); j.shell("git", "init", "-q") },
			"image/source", "is in no git checkout",
		},
		"no git": {
			func(j *job) { j.set("PATH", j.path("fake")) }, "image/git", "install git",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := sourceJob(t)
			tc.change(j)
			if tc.rule != "" {
				j.refuses(tc.rule, tc.says)
				if asked := j.asked(); len(asked) > 0 {
					t.Errorf("docker was asked for %q", asked)
				}
				return
			}
			j.want("Succeeded")
			if got, want := j.labels("100")["commit"], j.head(); got != want {
				t.Errorf("the label commit is %q, want %q", got, want)
			}
		})
	}
}

// allowDirty builds all the same, and says so in the image.
func TestAllowDirty(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		says   string
		commit func(head string) string
	}{
		"a change": {
			func(j *job) { j.write(map[string]string{"web/app": "other\n"}) }, "web/app; the image is built and labelled all the same",
			func(head string) string { return head + "-dirty" },
		},
		"another commit": {
			func(j *job) { j.set("BUILD_SOURCEVERSION", strings.Repeat("a", 40)) }, "but this run is for aaaaaaaaaaaa",
			func(head string) string { return head + "-dirty" },
		},
		"no repository": {
			func(j *job) { j.must(os.RemoveAll(j.path("work/1/s/.git"))) }, "is in no git checkout",
			func(string) string { return "unknown-dirty" },
		},
		"nothing to allow": {func(*job) {}, "", func(head string) string { return head }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := sourceJob(t).input("allowDirty", "true")
			want := tc.commit(j.head())
			tc.change(j)
			if tc.says == "" {
				j.want("Succeeded")
			} else {
				j.want("Succeeded")
				j.says(tc.says, "as allowDirty is true")
			}
			labels := j.labels("100")
			for _, name := range []string{"commit", "org.opencontainers.image.revision"} {
				if labels[name] != want {
					t.Errorf("label %s = %q, want %q", name, labels[name], want)
				}
			}
		})
	}
}

// The labels say which run built the image, from what.
func TestLabels(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-is-no-password"
	j := sourceJob(t).set("BUILD_REPOSITORY_URI", "https://me:"+secret+"@dev.azure.com/contoso/_git/web",
		"SYSTEM_TEAMPROJECT", "A b", "BUILD_DEFINITIONNAME", "web of "+secret, "SECRET_TOKEN", secret)
	j.input("labels", "tier= front \ncommit=of somebody else\nbuilt-by=me", "annotations", "note=x")
	j.want("Succeeded")
	got := j.labels("100")
	if created := got["org.opencontainers.image.created"]; !strings.HasSuffix(created, "Z") {
		t.Errorf("created %q", created)
	}
	delete(got, "org.opencontainers.image.created")
	want := map[string]string{
		"built-by": "azure-devops", "pipeline": "web of ***", "build-id": "100", "commit": j.head(), "tier": "front",
		"org.opencontainers.image.revision": j.head(),
		"org.opencontainers.image.source":   "https://dev.azure.com/contoso/_git/web",
		"org.opencontainers.image.url":      j.env["SYSTEM_COLLECTIONURI"] + "A%20b/_build/results?buildId=100",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if asked := strings.Join(j.built(), "\n"); strings.Contains(asked, secret) || !strings.Contains(asked, "note=x") {
		t.Errorf("docker was asked for %s", asked)
	}
}

// An image of another repository than the run's is not said to be of the run's.
func TestLabelsOfAnotherRepository(t *testing.T) {
	t.Parallel()
	const source = "org.opencontainers.image.source"
	j := sourceJob(t).set("BUILD_REPOSITORY_LOCALPATH", newJob(t, sourceFiles).path("work/1/s"))
	j.want("Succeeded") // several checkouts, of which this one is at the run's commit
	if got := j.labels("100"); got[source] == "" {
		t.Errorf("labels %q without %s", got, source)
	}
	j = sourceJob(t).set("BUILD_REPOSITORY_LOCALPATH", newJob(t, sourceFiles).path("work/1/s"))
	j.set("BUILD_SOURCEVERSION", strings.Repeat("a", 40)).want("Succeeded")
	if got := j.labels("100"); got[source] != "" || got["commit"] != j.head() {
		t.Errorf("labels %q of commit %s; want that without %s", got, j.head(), source)
	}
}

// Annotations can be read as labels can.
func TestAnnotationsHoldNoSecret(t *testing.T) {
	t.Parallel()
	j := sourceJob(t).set("SYSTEM_TEAMPROJECT", "hunter2-is-no-password", "SECRET_TOKEN", "hunter2-is-no-password")
	j.want("Succeeded")
	if asked := strings.Join(j.built(), "\n"); strings.Contains(asked, "hunter2") ||
		!strings.Contains(asked, "image.url=") {
		t.Errorf("docker was asked for %s", asked)
	}
}

// Images that are built on somebody's machine are what this is against.
func TestOutsideOfAnAgent(t *testing.T) {
	t.Parallel()
	outside := func(t *testing.T) *job { return sourceJob(t).set("TF_BUILD", "", "SYSTEM_HOSTTYPE", "") }
	for name, tc := range map[string]struct {
		inputs []string
		result string
		says   string
		built  bool
	}{
		"refused":        {nil, "Failed", "image/origin", false},
		"allowed":        {[]string{"allowOutsideAgent", "true"}, "Succeeded", "Deploy by digest", true},
		"only warned of": {[]string{"enforcement", "warn"}, "SucceededWithIssues", "the step goes on", true},
		"warned, and not clean": {
			[]string{"enforcement", "warn", "labels", "built-by=azure-devops\nbuild-id=1\npipeline=web"}, "Failed",
			"image/origin", false,
		},
		"allowed, with the labels of a pipeline": {
			[]string{"allowOutsideAgent", "true", "labels", "built-by=azure-devops"}, "Failed", "image/origin", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := outside(t).input(tc.inputs...)
			j.want(tc.result)
			j.says(tc.says)
			if built := len(j.tags()) > 0; built != tc.built {
				t.Errorf("tags %q", j.tags())
			}
			if !tc.built {
				return
			}
			for name, value := range j.labels("100") {
				if name == "built-by" || name == "build-id" || name == "pipeline" || strings.HasSuffix(name, ".url") {
					t.Errorf("label %s=%s", name, value)
				}
			}
			j.devops.Update(func(p *adotest.Project) {
				if len(p.ImageDetails) > 0 {
					t.Error("Azure DevOps was told of the image")
				}
			})
		})
	}
	j := outside(t).set("TF_BUILD", "True", "BUILD_BUILDID", "")
	j.refuses("image/origin", "")
}

// The paths of inputs begin at the sources folder, or are whole.
func TestPaths(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files  map[string]string
		inputs []string
		want   string // Dockerfile and context
	}{
		"nothing":           {map[string]string{"Dockerfile": ""}, nil, "Dockerfile ."},
		"a pattern":         {nil, []string{"Dockerfile", "**/Dockerfile"}, "web/Dockerfile web"},
		"the same context":  {nil, []string{"Dockerfile", "web/Dockerfile", "buildContext", "**"}, "web/Dockerfile web"},
		"as Docker@2":       {nil, []string{"Dockerfile", "web/Dockerfile", "buildContext", "SOURCES/**"}, "web/Dockerfile web"},
		"another context":   {nil, []string{"Dockerfile", "web/Dockerfile", "buildContext", "other"}, "web/Dockerfile other"},
		"the root":          {nil, []string{"Dockerfile", "web/Dockerfile", "buildContext", "."}, "web/Dockerfile ."},
		"whole":             {nil, []string{"Dockerfile", "SOURCES/web/Dockerfile", "buildContext", "SOURCES/other"}, "web/Dockerfile other"},
		"brackets and such": {map[string]string{"a/x.Dockerfile": ""}, []string{"Dockerfile", "{a,b}/?.[D]ockerfile"}, "a/x.Dockerfile a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, sourceFiles).faked(fake{})
			for name := range tc.files {
				j.write(map[string]string{name: "FROM scratch\n"})
			}
			j.commit()
			for i := range tc.inputs {
				tc.inputs[i] = strings.ReplaceAll(tc.inputs[i], "SOURCES", filepath.ToSlash(j.path("work/1/s")))
			}
			j.input(tc.inputs...).want("Succeeded")
			built := strings.Join(j.built(), "")
			file, context, _ := strings.Cut(tc.want, " ")
			for _, want := range []string{
				`"--file=` + j.path("work/1/s/"+file) + `"`, `"--" "` + strings.TrimSuffix(j.path("work/1/s/"+context), "/.") + `"`,
			} {
				if !strings.Contains(built, want) {
					t.Errorf("docker was asked for %s\nwithout %s", built, want)
				}
			}
		})
	}
}
