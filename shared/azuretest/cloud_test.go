package azuretest

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"time"
)

const someApp = "66666666-7777-4888-8999-000000000000"

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// assertionClaims are those of a token of Azure DevOps for a service connection.
func assertionClaims() map[string]any {
	return map[string]any{
		"iss": "https://vstoken.dev.azure.com/o", "sub": "sc://o/p/c", "aud": "api://AzureADTokenExchange",
		"nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
}

func with(name string, value any) func(*Cloud, map[string]any) map[string]any {
	return func(_ *Cloud, claims map[string]any) map[string]any {
		claims[name] = value
		return claims
	}
}

func without(name string) func(*Cloud, map[string]any) map[string]any {
	return func(_ *Cloud, claims map[string]any) map[string]any {
		delete(claims, name)
		return claims
	}
}
