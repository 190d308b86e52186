//go:build !failpoint

package failpoint

import "time"

// After does nothing in a program built without the tag.
func After(string, int) {}

// Now is time.Now in a program built without the tag.
func Now() time.Time { return time.Now() }
