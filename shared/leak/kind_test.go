package leak

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strconv"
	"testing"
)

// kinds are all of them: each has a rotation recipe.
var kinds = []Kind{
	VaultSecret, StorageKey, SASToken, MessagingKey, CosmosKey, RedisKey, SQLPassword, DatabaseLogin, BrokerLogin,
	IoTKey, AppConfigKey, RegistryKey, SearchKey, FunctionKey, APIMKey, AIKey, AzureKey, EntraSecret,
	AzureDevOpsPAT, DatabricksToken, GitHubToken, GitLabToken, NPMToken, NuGetKey, PyPIToken, AWSKey, GoogleKey,
	SlackToken, StripeKey, ServiceToken, PrivateKey, BearerToken, BasicLogin, Password,
}

// TestKindsHasAllKinds: one that is left out would get the recipe of a password.
func TestKindsHasAllKinds(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(gotoken.NewFileSet(), "kind.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[Kind]bool{}
	for _, k := range kinds {
		listed[k] = true
	}
	written := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Kind" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		written++
		if !listed[Kind(value)] {
			t.Errorf("the list kinds lacks %s", spec.Names[0].Name)
		}
		return true
	})
	if written != len(kinds) {
		t.Errorf("kind.go has %d constants, and the list kinds %d", written, len(kinds))
	}
}
