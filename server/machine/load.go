package machine

import (
	"fmt"
	"os"
)

// LoadAverage is the number of threads that ran or wanted to, over the last
// minute; false where the system does not say.
func LoadAverage() (float64, bool) {
	body, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	var load float64
	_, err = fmt.Sscan(string(body), &load)
	return load, err == nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
