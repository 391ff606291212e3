package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// capabilities are Linux' by number, see capabilities(7).
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
	CHECKPOINT_RESTORE`)

// lacking reads /proc/<pid>/status, and returns the capabilities that the process cannot have.
func lacking(status string) (names []string) {
	_, rest, _ := strings.Cut(status, "CapBnd:")
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	bound, err := strconv.ParseUint(word, 16, 64)
	if err != nil {
		return nil
	}
	for i, name := range capabilities {
		if bound>>i&1 == 0 {
			names = append(names, "CAP_"+name)
		}
	}
	return names
}

// wrap edits what runc is asked to start: a container, or a process in one.
const wrap = `#!/bin/sh
last=
for a; do
  case $last in
  --bundle) sed -i '%[1]s' "$a/config.json" ;;
  --process) sed -i '%[1]s' "$a" ;;
  esac
  last=$a
done
exec '%[2]s' "$@"
`

// runtime returns the program that the engine runs containers with. A machine that is itself in a box may not
// have all capabilities, and runc fails for a privileged container there, such as BuildKit's: it is then asked
// for those that there are.
func (d *Daemons) runtime() (string, error) {
	runc := filepath.Join(d.programs, "bin", "runc")
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	lacks := lacking(string(status))
	if len(lacks) == 0 {
		return runc, nil
	}
	var edits strings.Builder
	for _, name := range lacks {
		fmt.Fprintf(&edits, `s/"%[1]s",//g;s/,"%[1]s"//g;`, name)
	}
	wrapper := filepath.Join(d.Dir, "runc")
	script := fmt.Sprintf(wrap, edits.String(), runc)
	return wrapper, os.WriteFile(wrapper, []byte(script), 0o700)
}
