package waittest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitAsksUntilItIsTrueOrTheLimitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		slow := func() bool { asked++; return time.Since(began) >= 90*time.Second }
		if err := Wait(t.Context(), Patience, "a slow machine", slow); err != nil {
			t.Error(err)
		}
		if asked < 1000 || asked > 3000 {
			t.Errorf("asked %d times in 90 s", asked)
		}
		began = time.Now()
		err := Wait(t.Context(), time.Minute, "the impossible", func() bool { return false })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute ||
			!strings.HasPrefix(err.Error(), "not after 1m0s: the impossible: ") {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
