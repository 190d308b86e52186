//go:build !linux

package abuse

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
