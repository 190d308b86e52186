//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var once sync.Once

// After is called after a step of a role.
func After(role string, step int) {
	here := role + ":" + strconv.Itoa(step)
	want, stop := strings.CutSuffix(os.Getenv("FLAGMETER_FAILPOINT"), ":stop")
	if want != here {
		return
	}
	signal := syscall.SIGKILL
	if stop {
		signal = syscall.SIGSTOP
	}
	once.Do(func() {
		os.Stderr.WriteString("failpoint " + here + "\n")
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			panic(err)
		}
		// The signal may reach another thread first: do not go on before it works.
		time.Sleep(20 * time.Millisecond)
	})
}
