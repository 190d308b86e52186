package stack

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// room is the directory of one server, 0700 and owned by the account that runs it. When the
// caller is root that is another account, which may put anything there, such as a link to a file
// of root's. So root touches nothing in it by its path: files is opened once and cannot be led
// out of the room, and what it opens must be a plain file of the two accounts.
type room struct {
	path  string
	files *os.Root
	user  *account
}

// errForeign reports a file that somebody else may have put where it is.
var errForeign = errors.New("is not a plain file of this account or of its directory's owner")

// room makes the room of a server.
func (d *dir) room(name string) (*room, error) {
	a, err := d.accountFor(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(d.path, name)
	if err := d.files.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the directory of %s: %w", name, err)
	}
	if err := a.own(d.files, name); err != nil {
		return nil, fmt.Errorf("give %s to the account of the server: %w", path, err)
	}
	files, err := d.files.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the directory of %s: %w", name, err)
	}
	r := &room{path: path, files: files, user: a}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rooms = append(d.rooms, r)
	return r, nil
}

// mkdir makes a directory for the account of the server.
func (r *room) mkdir(name string) error {
	err := r.files.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		if info, err = r.files.Lstat(name); err == nil && !info.IsDir() {
			err = fmt.Errorf("%s %w", filepath.Join(r.path, name), errForeign)
		}
	}
	if err != nil {
		return err
	}
	return r.user.own(r.files, name)
}

// open opens a file of the room, not one that a link leads to.
func (r *room) open(name string, flag int) (*os.File, error) { return openOwn(r.files, name, flag) }

// openOwn opens a plain file below a directory, made with mode 0600 if flag says so. Its owner must
// be this process' account or that of the directory, and it must have no other name: a link,
// hard or symbolic, a device or a pipe is errForeign.
func openOwn(dir *os.Root, name string, flag int) (*os.File, error) {
	foreign := fmt.Errorf("%s %w", filepath.Join(dir.Name(), name), errForeign)
	if info, err := dir.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, foreign
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := dir.OpenFile(name, flag|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	file, err := f.Stat()
	if err == nil {
		var above fs.FileInfo
		if above, err = dir.Stat("."); err == nil && !belongs(file, above) {
			err = foreign
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// belongs reports whether a file is plain, has one name, and is owned by this process' account or
// by the owner of its directory.
func belongs(file, dir fs.FileInfo) bool {
	st, ok := file.Sys().(*syscall.Stat_t)
	above, ok2 := dir.Sys().(*syscall.Stat_t)
	if !ok || !ok2 {
		return file.Mode().IsRegular()
	}
	return file.Mode().IsRegular() && st.Nlink == 1 && (int(st.Uid) == os.Geteuid() || st.Uid == above.Uid)
}

// secret returns the password kept in the room; the first call makes one of 128 random bits.
func (r *room) secret() (string, error) {
	f, err := r.open("password", os.O_RDONLY)
	if err == nil {
		defer f.Close()
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, 1024)); err == nil && len(b) > 0 {
			return strings.TrimSpace(string(b)), nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the password of the server: %w", err)
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: see its documentation
	password := hex.EncodeToString(random[:])
	if err := r.write("password", password+"\n"); err != nil {
		return "", fmt.Errorf("keep the password of the server: %w", err)
	}
	return password, nil
}

// write writes a file, mode 0600, that only the account of the server can read. It is there
// complete or not at all, and takes the place of whatever had its name.
func (r *room) write(name, text string) error {
	next := name + ".new"
	if err := r.files.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := r.files.OpenFile(next, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // follows no link
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil && r.user != nil {
		err = f.Chown(int(r.user.uid), int(r.user.gid))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return r.files.Rename(next, name)
}
