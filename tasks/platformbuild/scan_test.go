package platformbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// deployment is a manifest; its image stands in line 7.
func deployment(image string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers: [{name: web, image: \"" +
		image + "\"}]\n"
}

// scanJob is a job that scans deploy/web.yaml with an image in the job's registry.
func scanJob(t *testing.T, image string) *job {
	t.Helper()
	j := newJob(t, nil)
	j.write(map[string]string{"deploy/web.yaml": deployment(strings.ReplaceAll(image, "HOST", j.registry.Host()))})
	return j.input("command", "scan", "allowedRegistries", j.registry.Host())
}

// Findings say where.
func TestScan(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct {
		image  string
		inputs []string
		result string
		says   string
	}{
		"pinned":               {"HOST/shop/web" + digest, nil, "Succeeded", "Manifests: 1 image in use"},
		"another registry":     {"evil.com/web" + digest, nil, "Failed", "type=error;sourcepath=deploy/web.yaml;linenumber=7;code=scan/registry;]"},
		"a look-alike":         {"HOST.evil.com/web" + digest, nil, "Failed", "linenumber=7;"},
		"Docker Hub":           {"nginx" + digest, nil, "Failed", "linenumber=7;code=scan/implicit"},
		"a variable":           {"${IMAGE}", nil, "Failed", "linenumber=7;code=scan/variable"},
		"a tag":                {"HOST/shop/web:1", nil, "SucceededWithIssues", "type=warning;sourcepath=deploy/web.yaml;linenumber=7;columnnumber="},
		"a tag, which may not": {"HOST/shop/web:1", []string{"requireDigest", "error"}, "Failed", "code=scan/digest"},
		"a tag, which may":     {"HOST/shop/web:1", []string{"requireDigest", "off"}, "Succeeded", ""},
		"only warned of":       {"nginx" + digest, []string{"enforcement", "warn"}, "SucceededWithIssues", "the step goes on"},
		"other files":          {"nginx", []string{"manifests", "other/*.yaml"}, "Failed", "code=scan/no-files"},
		"all but this file":    {"nginx", []string{"manifests", "**/*.yaml\n!deploy/web.yaml"}, "Failed", "code=scan/no-files"},
		"a part of a registry": {"HOST/other/web" + digest, []string{"allowedRegistries", "HOST/shop"}, "Failed", "code=scan/registry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := scanJob(t, tc.image)
			for i := range tc.inputs {
				tc.inputs[i] = strings.ReplaceAll(tc.inputs[i], "HOST", j.registry.Host())
			}
			j.input("scanPlatforms", "false").input(tc.inputs...).want(tc.result)
			j.says(tc.says)
			if n := len(j.registry.Requests()); n > 0 {
				t.Errorf("the registry was asked for\n%s", j.registry.Log())
			}
		})
	}
}

// The registry is asked whether an image runs where its selector puts it.
func TestScanPlatforms(t *testing.T) {
	t.Parallel()
	j := scanJob(t, "")
	j.put("shop/web:1", part{platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}})
	selecting := strings.Replace(deployment(j.registry.Host()+"/shop/web:1"), "    spec:\n",
		"    spec:\n      nodeSelector: {kubernetes.io/arch: amd64}\n", 1)
	j.write(map[string]string{"deploy/web.yaml": selecting, "deploy/again.yaml": selecting}).input("requireDigest", "off")
	j.refuses("scan/platform", "linenumber=8")
	if n := j.registry.Count("manifest.get"); n > 2 { // once without a password
		t.Errorf("the image was asked for %d times:\n%s", n, j.registry.Log())
	}
	j.registry.Fail(containertest.Fault{Status: 403})
	j.want("SucceededWithIssues")
	j.says("its platforms could not be read")
	j.registry.Heal()
	j.registry.Forget()
	j.input("scanPlatforms", "false").want("Succeeded")
	if n := len(j.registry.Requests()); n > 0 {
		t.Errorf("the registry was asked for\n%s", j.registry.Log())
	}
}

// A password goes to no registry but its own, whatever manifests name.
func TestScanAsksNobodyElse(t *testing.T) {
	t.Parallel()
	j := scanJob(t, "")
	foreign := containertest.NewRegistry(t)
	j.write(map[string]string{"deploy/web.yaml": strings.Replace(deployment(foreign.Host()+"/shop/web:1"), "    spec:\n",
		"    spec:\n      nodeSelector: {kubernetes.io/arch: amd64}\n", 1)})
	j.refuses("scan/registry", "")
	if n := len(foreign.Requests()); n > 0 {
		t.Errorf("a registry that is not allowed was asked for\n%s", foreign.Log())
	}
}

// Charts are rendered by the agent's helm, and told of where there is none.
func TestScanCharts(t *testing.T) {
	t.Parallel()
	chart := map[string]string{
		"chart/Chart.yaml":         "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/templates/web.yaml": "{{ if true }}\n" + deployment("{{ .Values.image }}") + "{{ end }}\n",
	}
	j := scanJob(t, "HOST/shop/web:1").write(chart).input("requireDigest", "off", "scanPlatforms", "false")
	j.set("PATH", gitOnly(j))
	j.want("Failed")
	j.says("chart/Chart.yaml", "helm")

	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("NOT TESTED: there is no sh")
	}
	helm := filepath.Join(gitOnly(scanJob(t, "")), "helm")
	j.must(os.WriteFile(helm, []byte("#!"+sh+"\n[ \"$1\" = version ] && exit 0\n[ \"$INPUT_COMMAND\" ] && exit 9\n"+
		"echo '---'\necho '# Source: web/templates/web.yaml'\nprintf '"+strings.ReplaceAll(deployment("evil.com/web:1"), "\n", `\n`)+
		"'\n"), 0o755))
	j.set("PATH", filepath.Dir(helm))
	j.refuses("scan/registry", "evil.com/web:1")
	j.says("chart/templates/web.yaml")
}

// Wrong inputs of scan.
func TestWrongScanInputs(t *testing.T) {
	t.Parallel()
	j := scanJob(t, "nginx").input("enforcement", "warn")
	j.input("allowedRegistries", " ").refuses("image/input", `input "allowedRegistries": it is empty`)
	j.input("allowedRegistries", "a.invalid", "manifests", "[").refuses("image/input", `input "manifests"`)
	j.input("manifests", "*.yaml").set("BUILD_SOURCESDIRECTORY", "", "SYSTEM_DEFAULTWORKINGDIRECTORY", "")
	j.refuses("image/input", "there is no sources folder")
}
