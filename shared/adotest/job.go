package adotest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// getFile sends a secure file to the job that has its ticket.
func getFile(c *call) answer {
	id := c.vars["secureFileId"]
	i := slices.IndexFunc(c.project.Files, func(f SecureFile) bool { return strings.EqualFold(f.ID, id) })
	if i < 0 || !same(c.query.Get("ticket"), c.project.Files[i].Ticket) {
		return refuse(http.StatusForbidden, "SecureFileAccessDeniedException", "no secure file has this id and ticket")
	}
	f := c.project.Files[i]
	file, err := f.Open()
	if err != nil {
		return refuse(http.StatusInternalServerError, "VssServiceException",
			fmt.Sprintf("reading the secure file %s: %v", f.Name, err))
	}
	return answer{status: http.StatusOK, kind: "application/octet-stream", file: file}
}

// postToken gives the job a token that says which service connection it may act as.
func postToken(c *call) answer {
	p := &c.project
	for _, part := range []struct{ given, want, what string }{
		{c.vars["hubName"], p.Hub, "hub"}, {c.vars["planId"], p.Plan, "plan"}, {c.vars["jobId"], p.Job, "job"},
	} {
		if !strings.EqualFold(part.given, part.want) {
			return refuse(http.StatusNotFound, "TaskOrchestrationPlanNotFoundException",
				"No "+part.what+" found for identifier "+part.given+".")
		}
	}
	id := strings.ToLower(c.query.Get("serviceConnectionId"))
	if id == "" {
		return refuse(http.StatusBadRequest, "ArgumentException", "serviceConnectionId must not be empty.")
	}
	name, ok := p.Connections[id]
	if !ok {
		return refuse(http.StatusNotFound, "ServiceEndpointNotFoundException", "Service connection with id "+id+
			" could not be found. The service connection does not exist, or has been disabled or hasn't been "+
			"authorized for use.")
	}
	now := c.config.Now()
	token, err := c.key.sign(map[string]any{
		"iss": "https://vstoken.dev.azure.com/00000000-0000-0000-0000-000000000001",
		"sub": "sc://" + c.config.Organization + "/" + p.Name + "/" + name,
		"aud": "api://AzureADTokenExchange", "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	})
	if err != nil {
		return refuse(http.StatusInternalServerError, "VssServiceException", err.Error())
	}
	return reply(map[string]any{"oidcToken": token})
}

// keyring holds the key that tokens are signed with, which is made for the first one.
type keyring struct {
	once sync.Once
	key  *rsa.PrivateKey
	err  error
}

// sign makes a JSON Web Token (RS256, as those of the service).
func (k *keyring) sign(claims map[string]any) (string, error) {
	k.once.Do(func() { k.key, k.err = rsa.GenerateKey(rand.Reader, 2048) })
	if k.err != nil {
		return "", k.err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"typ":"JWT","alg":"RS256","kid":"local"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + encode(signature), nil
}
