package leak

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

// incident are the kinds of secrets that once stood in a log for months, as programs
// write them: each is a line with the password pw.
var incident = map[string]func(r *rand.Rand, pw string) string{
	"postgres": func(_ *rand.Rand, pw string) string {
		return "DATABASE_URL=postgresql://" + url.UserPassword("app", pw).String() + "@contoso.postgres.database.azure.com:5432/orders"
	},
	"postgres raw": func(_ *rand.Rand, pw string) string {
		return "postgres://app:" + strings.NewReplacer("@", "", `"`, "", `\`, "", "'", "", "`", "", "<", "", ">", "", "|", "", ",", "").Replace(pw) + "@db:5432/orders"
	},
	"mysql": func(_ *rand.Rand, pw string) string { return "mysql://root:" + url.QueryEscape(pw) + "@10.0.0.4/x" },
	"mongodb": func(_ *rand.Rand, pw string) string {
		return "mongodb+srv://a:" + url.PathEscape(pw) + "@c0.x.net/?w=1"
	},
	"redis URL": func(_ *rand.Rand, pw string) string {
		return "rediss://:" + url.QueryEscape(pw) + "@c.redis.cache.windows.net:6380/0"
	},
	"amqp": func(_ *rand.Rand, pw string) string {
		return "amqps://svc:" + url.QueryEscape(pw) + "@rabbit.internal/prod"
	},
	"git": func(_ *rand.Rand, pw string) string {
		return "fatal: https://build:" + url.QueryEscape(pw) + "@dev.azure.com/o/p/_git/r/"
	},
	"ADO.NET": func(_ *rand.Rand, pw string) string {
		return "Server=tcp:c.database.windows.net,1433;Initial Catalog=orders;User ID=app;Password=" + adoQuote(pw) + ";Encrypt=True;"
	},
	"ADO.NET last": func(_ *rand.Rand, pw string) string { return "Data Source=sql1;User Id=sa;Pwd=" + adoQuote(pw) },
	"ADO.NET in JSON": func(_ *rand.Rand, pw string) string {
		text, _ := json.Marshal(map[string]string{"Default": "Server=c;Database=o;User Id=a;Password=" + adoQuote(pw) + ";"})
		return string(text)
	},
	"ODBC": func(_ *rand.Rand, pw string) string {
		return "Driver={ODBC Driver 18 for SQL Server};Server=c;Uid=a;Pwd={" + strings.ReplaceAll(pw, "}", "}}") + "};"
	},
	"ODBC exported": func(_ *rand.Rand, pw string) string {
		return "+ export DSN='Driver={ODBC Driver 18 for SQL Server};Server=c;Uid=a;Pwd={" + strings.NewReplacer("}", "}}", "'", "").Replace(pw) + "};Encrypt=yes;'"
	},
	"JDBC": func(_ *rand.Rand, pw string) string {
		return "jdbc:postgresql://h:5432/db?user=app&password=" + url.QueryEscape(pw)
	},
	"redis config": func(r *rand.Rand, _ string) string {
		return "c.redis.cache.windows.net:6380,password=" + key(r, 32) + ",ssl=True,abortConnect=False"
	},
	"storage": func(r *rand.Rand, _ string) string {
		return "DefaultEndpointsProtocol=https;AccountName=c;AccountKey=" + key(r, 64) + ";EndpointSuffix=core.windows.net"
	},
	"service bus": func(r *rand.Rand, _ string) string {
		return "Endpoint=sb://c.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=" + key(r, 32)
	},
	"SAS": func(r *rand.Rand, _ string) string {
		return "https://c.blob.core.windows.net/d/f?sv=2024-11-04&se=2027-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=" + url.QueryEscape(key(r, 32))
	},
	"SAS in the middle": func(r *rand.Rand, _ string) string {
		return "?sv=2024-11-04&sig=" + url.QueryEscape(key(r, 32)) + "&se=2027-01-01"
	},
	"old PAT": func(r *rand.Rand, _ string) string {
		return "using token " + oldPAT(randomText(r, alphabets['b'], 32)) + " for feed"
	},
	"new PAT": func(r *rand.Rand, _ string) string {
		return "PAT=" + randomText(r, alphabets['a'], 52) + "JQQJ" + "99BK" + "AC" + randomText(r, alphabets['a'], 10) + "AAAAAZDO" + randomText(r, alphabets['a'], 4)
	},
	"PAT in a header": func(r *rand.Rand, _ string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(":"+oldPAT(randomText(r, alphabets['b'], 32))))
	},
}

func key(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

func adoQuote(value string) string {
	if strings.ContainsAny(value, `;"`) || strings.HasPrefix(value, "'") || strings.HasPrefix(value, "{") {
		if !strings.Contains(value, "'") {
			return "'" + value + "'"
		}
		return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
	}
	return value
}

// TestIncidentClassIsFound: every one of a thousand of each kind.
func TestIncidentClassIsFound(t *testing.T) {
	t.Parallel()
	const each = 1000
	e := testEngine(t)
	e.most = 1 << 20
	printable := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()+,-./:;<=>?@[]^_{|}~'\"\\"
	for name, line := range incident {
		r := rand.New(rand.NewPCG(11, uint64(len(name))))
		missed := 0
		for range each {
			password := randomText(r, alphabets['a'], 2) + randomText(r, printable, 6+r.IntN(20)) + randomText(r, alphabets['a'], 2)
			text := fmt.Sprintf("%sstep %d: %s", stamp, r.IntN(100), line(r, password))
			if len(e.rules.found(text)) == 0 {
				if missed++; missed < 4 {
					t.Errorf("%s: nothing found in %q", name, text)
				}
			}
		}
		if missed > 0 {
			t.Errorf("%s: missed %d of %d", name, missed, each)
		}
	}
}

// found returns the IDs of what the rules find, without the cost of fingerprints.
func (s *ruleSet) found(text string) []string {
	var out []string
	s.search([]byte(text), 0, len(text), func(rank int, _ found) { out = append(out, s.rules[rank].ID) })
	return out
}
