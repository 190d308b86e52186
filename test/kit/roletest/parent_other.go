//go:build !linux

package roletest

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
