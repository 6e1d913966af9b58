package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Resident is the part of the program that lies in physical memory, in bytes:
// heap, stacks, and what has been touched of mapped files.
type Resident struct {
	Now  uint64 `json:"resident_bytes"`
	Peak uint64 `json:"resident_peak_bytes"` // the most since the program began or ResetPeak
}

// ResetPeak begins [Resident.Peak] anew, from what is resident now. Where the
// system cannot, the peak stays that of the whole run.
func ResetPeak() {
	// See proc_pid_clear_refs(5); anywhere else the file is not there.
	if f, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("5")
		_ = f.Close()
	}
}

// ResidentMemory asks the system; false where it does not say (it does on
// Linux, in /proc/self/status).
func ResidentMemory() (Resident, bool) {
	body, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Resident{}, false
	}
	var r Resident
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var to *uint64
		switch name {
		case "VmRSS":
			to = &r.Now
		case "VmHWM":
			to = &r.Peak
		default:
			continue
		}
		if _, err := fmt.Sscan(value, to); err != nil {
			return Resident{}, false
		}
		*to *= 1024 // "kB", which are KiB
	}
	return r, r.Now > 0 && r.Peak > 0
}
