package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pinnable are the files that name images of others.
var pinnable = []string{"docker-compose.yml", "compose.dev.yml", "Dockerfile", "k6/Dockerfile"}

var (
	named  = regexp.MustCompile(`(?m)^(?: *image: *|FROM )([^ \n$]+:[^ \n$]+)(?: |$)`)
	tagged = regexp.MustCompile(`^[a-z0-9./-]+:[A-Za-z0-9._-]+(@sha256:[0-9a-f]{64})?$`)
)

// TestImagesAreNamedToTheVersion wants each to have a tag, by content or not, that is the same in
// all files.
func TestImagesAreNamedToTheVersion(t *testing.T) {
	versions := map[string]string{}
	for _, file := range pinnable {
		for _, m := range named.FindAllStringSubmatch(read(t, root+"/"+file), -1) {
			image := m[1]
			if !tagged.MatchString(image) || strings.Contains(image, ":latest") {
				t.Errorf("%s: %s is of no version", file, image)
			}
			name, _, _ := strings.Cut(image, ":")
			if before, known := versions[name]; known && before != image {
				t.Errorf("%s: %s, elsewhere it is %s", file, image, before)
			}
			versions[name] = image
		}
	}
	if len(versions) < 8 {
		t.Errorf("found only %v", versions)
	}
}

// TestPin runs `make pin` on a copy, with a docker that knows digests, twice; and once with one
// that cannot reach a registry.
func TestPin(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	for _, file := range pinnable {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(read(t, root+"/"+file)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	docker := func(script string) {
		t.Helper()
		if err := os.WriteFile(bin+"/docker", []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pin := func() (string, error) {
		script, err := filepath.Abs(root + "/scripts/compose/pin.sh")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", script, dir)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	docker("echo no route to the registry >&2; exit 1")
	if out, err := pin(); err == nil {
		t.Errorf("without a registry it succeeds: %s", out)
	}
	for _, file := range pinnable {
		if read(t, filepath.Join(dir, file)) != read(t, root+"/"+file) {
			t.Errorf("without a registry %s was changed", file)
		}
	}
	for _, letter := range []string{"a", "b"} {
		digest := "sha256:" + strings.Repeat(letter, 64)
		docker("echo " + digest)
		if out, err := pin(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, file := range pinnable {
			text := read(t, filepath.Join(dir, file))
			for _, m := range named.FindAllStringSubmatch(text, -1) {
				if !tagged.MatchString(m[1]) || !strings.HasSuffix(m[1], "@"+digest) {
					t.Errorf("%s: %s is not pinned to %s", file, m[1], digest)
				}
			}
			if plain := regexp.MustCompile(`@sha256:[0-9a-f]{64}`).ReplaceAllString(text,
				""); plain != regexp.MustCompile(`@sha256:[0-9a-f]{64}`).ReplaceAllString(read(t,
				root+"/"+file), "") {
				t.Errorf("%s: more than digests has changed", file)
			}
		}
	}
}
