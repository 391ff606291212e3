package keyvault

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/guardrails-ci/guardrails/shared/retry"
)

// tries is how often a request is made, unless the vault is busy: then, it is more often.
const tries = 4

// patient fills in how to wait: 1, 2, 4, 8, 15 and 15 seconds, and at least half of that.
func patient(p retry.Policy) retry.Policy {
	p.Attempts = cmp.Or(p.Attempts, 7)
	p.Max = cmp.Or(p.Max, 15*time.Second)
	if p.Jitter == nil {
		p.Jitter = retry.HalfJitter(rand.Float64)
	}
	return p
}

// again is the part of the SDK's pipeline that makes a request again where that may help.
// It has to be there: a list that has failed once cannot go on.
type again struct{ vault *Vault }

var errStatus = errors.New("an answer that may be another one next time")

// Do makes a request, and returns the last answer or error.
func (a again) Do(req *policy.Request) (*http.Response, error) {
	seen, ok := req.Raw().Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return req.Next()
	}
	var resp *http.Response
	var last error
	seen.attempts = 0
	// The answer or the error of the last attempt says more than the one of all attempts.
	_ = retry.Do(req.Raw().Context(), a.vault.config.Retry, func(ctx context.Context) error {
		seen.attempts++
		resp, last = req.Clone(ctx).Next()
		switch {
		case ctx.Err() != nil:
			return last
		case last != nil && seen.err != nil && seen.attempts < tries && a.vault.unreachable(seen.err).mayPass():
			return retry.Temporary(last, 0)
		case last == nil &&
			(seen.status == http.StatusTooManyRequests || seen.attempts < tries && isTrouble(seen.status)):
			return retry.Temporary(errStatus, seen.after)
		}
		return last
	})
	return resp, last
}

// isTrouble reports whether a status is one of a service that has trouble of its own.
func isTrouble(status int) bool { return status/100 == 5 || status == http.StatusRequestTimeout }
