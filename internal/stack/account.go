package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that runs a server when the caller is root: Postgres
// refuses to run as root, and Valkey has no need to. A nil *account is the caller's own.
type account struct {
	uid, gid uint32
	// barred is set when the account may not enter a directory above its room, as when the
	// room is below /root. Then its processes get the right to pass, where the system has one.
	barred bool
}

// accountFor picks the account for the room of a server: the owner of a room that exists,
// else user postgres, else nobody; nil when the caller is not root.
func accountFor(room string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	info, err := os.Stat(room)
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return newAccount(st.Uid, st.Gid, room), nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at %s: %w", room, err)
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseInt(u.Uid, 10, 64)
		gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
		if err1 == nil && err2 == nil {
			return newAccount(uint32(uid), uint32(gid), room), nil
		}
	}
	return nil, errors.New("servers must not run as root, and there is neither a user postgres nor nobody to run them: start flagmeter as another user")
}

func newAccount(uid, gid uint32, room string) *account {
	a := &account{uid: uid, gid: gid}
	for dir := filepath.Dir(room); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && !a.mayEnter(info) {
			a.barred = true
		}
		if dir == filepath.Dir(dir) {
			return a
		}
	}
}

// mayEnter reads the permission bits of a directory; access lists are not looked at.
func (a *account) mayEnter(dir fs.FileInfo) bool {
	st, ok := dir.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case st.Uid == a.uid:
		return dir.Mode()&0o100 != 0
	case st.Gid == a.gid:
		return dir.Mode()&0o010 != 0
	}
	return dir.Mode()&0o001 != 0
}

// apply makes a command run as the account.
func (a *account) apply(attr *syscall.SysProcAttr) {
	if a == nil {
		return
	}
	attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	if a.barred {
		letPass(attr)
	}
}

// own gives a file or directory to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}
