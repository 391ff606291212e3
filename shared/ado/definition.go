package ado

import "context"

// Definition is a pipeline.
type Definition struct {
	ID, Revision int
	Name         string
	QueueStatus  string // "enabled", "paused", "disabled"
}

// Definition reads a pipeline.
func (c *Client) Definition(ctx context.Context, id int) (Definition, error) {
	return Definition{}, nil
}

// DisableDefinition makes a pipeline queue nothing, and returns whether it did before.
func (c *Client) DisableDefinition(ctx context.Context, id int) (changed bool, err error) {
	return false, nil
}

// EnableDefinition undoes DisableDefinition, and returns whether there was need.
func (c *Client) EnableDefinition(ctx context.Context, id int) (changed bool, err error) {
	return false, nil
}
