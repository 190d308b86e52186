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

// accountFor picks the account for the room of a server: the owner of a room that exists, else the
// owner of the directory, unless that is root, else user postgres, else nobody; nil when the
// caller is not root. A room in a directory of another account's must be that account's: anybody
// else's may have been put there.
func (d *dir) accountFor(name string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	room := filepath.Join(d.path, name)
	above, err := d.files.Stat(".")
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", d.path, err)
	}
	owner, _ := above.Sys().(*syscall.Stat_t)
	info, err := d.files.Lstat(name)
	switch {
	case err == nil && !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory: who has put it there may lead root astray", room)
	case err == nil:
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && owner != nil && st.Uid != owner.Uid && owner.Uid != 0 {
			return nil, fmt.Errorf("%s belongs to account %d and %s to account %d: start flagmeter as "+
				"the one that owns both, or use another data directory",
				room, st.Uid, d.path, owner.Uid)
		}
		if ok && st.Uid != 0 {
			return newAccount(st.Uid, st.Gid, room), nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("look at %s: %w", room, err)
	}
	if owner != nil && owner.Uid != 0 {
		return newAccount(owner.Uid, owner.Gid, room), nil
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
	return nil, errors.New("servers must not run as root, and there is neither a user postgres " +
		"nor nobody to run them: start flagmeter as another user")
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

// own gives what has that name below a directory to the account, itself and not what it links to.
func (a *account) own(dir *os.Root, name string) error {
	if a == nil {
		return nil
	}
	return dir.Lchown(name, int(a.uid), int(a.gid))
}
