//go:build failpoint

package failpoint

import (
	"os"
	"time"
	"unsafe"

	_ "github.com/google/uuid" // whose clock is set here
)

// Now is the time that the process' clock shows.
func Now() time.Time {
	t := time.Now()
	text, err := os.ReadFile(os.Getenv("FLAGMETER_CLOCK"))
	if err != nil || len(text) == 0 {
		return t
	}
	step, err := time.ParseDuration(string(text))
	if err != nil {
		panic(err)
	}
	return stepped(t, step)
}

// stepped is the t that a clock would show which had been set ahead by step, in whole
// seconds. Package time offers no way to move only one of a Time's two readings: Add moves
// the monotonic one as well, and no clock's setting does that. A Time that has both holds
// the seconds since 1885 in the bits 30 to 62 of its first word.
func stepped(t time.Time, step time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(int64(step/time.Second) << 30)
	return t
}

// uuidNow is the clock of the UUIDs that this process makes.
//
//go:linkname uuidNow github.com/google/uuid.timeNow
var uuidNow func() time.Time

func init() { uuidNow = Now }
