//go:build race

package rollout

func init() { raced = true }
