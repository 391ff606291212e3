package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// document is the configuration as it is written, see the package's comment.
type document struct {
	TLS                                bool
	User, Password                     string
	Bearer                             bool
	NoReferrers, NoDelete, NoDeleteTag bool
	ACR                                *struct {
		Tenant                  string
		AccessFor, RefreshFor   beside.Duration
		AccessUses, RefreshUses int
	}
	Images map[string][]string
	Faults []faultEntry
}

type faultEntry struct {
	Operation, Path           string
	After, Times, Status      int
	Code, Message, RetryAfter string
	Cut                       int64
	Reset                     bool
	Delay                     beside.Duration
}

func readConfig(file string) (c document, err error) {
	if file == "" {
		return c, nil
	}
	if err := beside.ReadConfig(file, &c); err != nil {
		return c, err
	}
	for _, f := range c.Faults {
		if _, err := f.fault(); err != nil {
			return c, fmt.Errorf("%s: %w", file, err)
		}
	}
	return c, nil
}

func parseFault(text string) (containertest.Fault, error) {
	var f faultEntry
	if err := beside.Strictly([]byte(text), &f); err != nil {
		return containertest.Fault{}, fmt.Errorf("the fault %s: %w", text, err)
	}
	return f.fault()
}

func (f faultEntry) fault() (containertest.Fault, error) {
	if f.Status == 0 && f.Cut == 0 && !f.Reset && f.Delay.Duration == 0 {
		return containertest.Fault{}, fmt.Errorf(
			"a fault at %q does nothing: it needs status, cut, reset or delay", f.Operation)
	}
	return containertest.Fault{
		Operation: f.Operation, Path: f.Path, After: f.After, Times: f.Times, Status: f.Status, Code: f.Code,
		Message: f.Message, RetryAfter: f.RetryAfter, Cut: f.Cut, Reset: f.Reset, Delay: f.Delay.Duration,
	}, nil
}

// start starts the registry that is configured.
func (c document) start() (*containertest.Registry, error) {
	config := containertest.Config{
		TLS: c.TLS, User: c.User, Password: c.Password, Bearer: c.Bearer,
		NoReferrers: c.NoReferrers, NoDelete: c.NoDelete, NoDeleteTag: c.NoDeleteTag,
	}
	if c.ACR != nil {
		config.ACR = &containertest.ACR{
			Tenant: c.ACR.Tenant, AccessFor: c.ACR.AccessFor.Duration, RefreshFor: c.ACR.RefreshFor.Duration,
			AccessUses: c.ACR.AccessUses, RefreshUses: c.ACR.RefreshUses,
		}
	}
	r, err := containertest.StartRegistry(config)
	if err != nil {
		return nil, err
	}
	for _, image := range slices.Sorted(maps.Keys(c.Images)) {
		repository, tag, _ := strings.Cut(image, ":")
		if _, err := r.PushBase(repository, tag, c.Images[image]...); err != nil {
			r.Close()
			return nil, fmt.Errorf("image %s: %w", image, err)
		}
	}
	for _, f := range c.Faults {
		fault, err := f.fault()
		if err != nil {
			r.Close()
			return nil, err
		}
		r.Fail(fault)
	}
	return r, nil
}
