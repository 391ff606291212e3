//go:build !linux

package agent

import "os/exec"

// canFindSurvivors is false where other processes' environments cannot be read
// without tools of the system.
const canFindSurvivors = false

func survivors(string, *adoption) []survivor { return nil }

func (survivor) kill() {}

// adoption does nothing where a process cannot take over others.
type adoption struct{}

func adopt() *adoption { return nil }

func (*adoption) release() {}

func (*adoption) start(cmd *exec.Cmd) error { return cmd.Start() }

func (*adoption) ended(int) {}

func adjustOOMScore(int, []string) {}
