package stack

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRootIsNotLedAstray has a data directory of another account's, which has put links where root
// opens, writes or gives away files. What they lead to must stay as it is.
func TestRootIsNotLedAstray(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be led astray")
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	// In each, DIR is nobody's, and VICTIM is a file or a directory of root's.
	for name, plant := range map[string]func(dir, victim, victimDir string) error{
		"the lock is a link": func(dir, victim, _ string) error {
			return os.Symlink(victim, dir+"/lock")
		},
		"the lock is another's file": func(dir, victim, _ string) error {
			return os.Link(victim, dir+"/lock")
		},
		"the lock is a pipe": func(dir, _, _ string) error {
			return syscall.Mkfifo(dir+"/lock", 0o666)
		},
		"the room is a link": func(dir, _, victimDir string) error {
			return os.Symlink(victimDir, dir+"/valkey")
		},
		"the password is a link": inRoom(func(room, victim, _ string) error {
			return os.Symlink(victim, room+"/password")
		}),
		"the password is a hard link": inRoom(func(room, victim, _ string) error {
			return os.Link(victim, room+"/password")
		}),
		"the next password is a link": inRoom(func(room, victim, _ string) error {
			return os.Symlink(victim, room+"/password.new")
		}),
		"the configuration is a link": inRoom(func(room, victim, _ string) error {
			return os.Symlink(victim, room+"/valkey.conf")
		}),
		"the next one is a link": inRoom(func(room, victim, _ string) error {
			return os.Symlink(victim, room+"/valkey.conf.new")
		}),
		"the log is a link": inRoom(func(room, victim, _ string) error {
			return os.Symlink(victim, room+"/log")
		}),
		"the log is a new link": inRoom(func(room, _, victimDir string) error {
			return os.Symlink(victimDir+"/made", room+"/log")
		}),
		"the data are a link": inRoom(func(room, _, victimDir string) error {
			return os.Symlink(victimDir, room+"/data")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			if err := os.Chmod(base, 0o755); err != nil {
				t.Fatal(err)
			}
			dir, victim, victimDir := base+"/dir", base+"/victim", base+"/victims"
			for _, path := range []string{dir, victimDir} {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			const secret = "root:$6$canary:19000\n"
			if err := os.WriteFile(victim, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := plant(dir, victim, victimDir); err != nil {
				t.Fatal(err)
			}
			if err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				if info, lerr := os.Lstat(path); lerr == nil && info.Sys().(*syscall.Stat_t).Nlink > 1 &&
					info.Mode().IsRegular() {
					return err // of root's
				}
				return os.Lchown(path, uid, gid)
			}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			s, err := Start(ctx, Options{Dir: dir, Valkey: true})
			if err == nil {
				if strings.Contains(s.ValkeyURL, "canary") {
					t.Error("the password is what root alone may read")
				}
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			}
			t.Logf("it starts with %v", err)
			if text, err := os.ReadFile(victim); err != nil || string(text) != secret {
				t.Errorf("a file of root's says now %.60q, %v", text, err)
			}
			for _, path := range []string{victim, victimDir} {
				info, err := os.Lstat(path)
				if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s is %v of account %d, %v", path, info.Mode(), info.Sys().(*syscall.Stat_t).Uid,
						err)
				}
			}
			if left, err := os.ReadDir(victimDir); err != nil || len(left) > 0 {
				t.Errorf("in a directory of root's there is %v, %v", left, err)
			}
			if err != nil && s != nil {
				t.Error("it returns both a stack and an error")
			}
		})
	}
}

// inRoom plants something in the room of Valkey.
func inRoom(plant func(room, victim, victimDir string) error) func(dir, victim,
	victimDir string) error {
	return func(dir, victim, victimDir string) error {
		if err := os.Mkdir(dir+"/valkey", 0o700); err != nil {
			return err
		}
		return plant(dir+"/valkey", victim, victimDir)
	}
}

// TestTheOwnerOfTheDirectoryRunsTheServers gives the directory to an account, and a room to
// another.
func TestTheOwnerOfTheDirectoryRunsTheServers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can choose")
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	dir := t.TempDir()
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	d, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.release()
	r, err := d.room("valkey")
	if err != nil || r.user == nil || int(r.user.uid) != uid {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := os.Mkdir(dir+"/postgres", 0o700); err != nil { // root's
		t.Fatal(err)
	}
	if err := os.Chown(dir+"/postgres", 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.room("postgres"); err == nil {
		t.Error("a room of somebody else's is taken")
	}
}
