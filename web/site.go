package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"regexp"
	"strings"
)

//go:embed static
var files embed.FS

// prefix is what static/index.html writes where the prefix of this build's files belongs.
const prefix = "/assets/"

// site is what Handler serves.
type site struct {
	page   *file
	assets map[string]*file // by path
}

// file is one file, ready to be sent: plain, and compressed where that makes it smaller.
type file struct {
	plain, packed  []byte
	tag, packedTag string // ETag of each
	kind           string // Content-Type
	cache          string // Cache-Control
}

// newSite reads all files under static. One hash names them all: modules import each other
// by relative paths, so a file can keep its name only beside the files that it was made with.
func newSite(root fs.FS) *site {
	contents, whole := map[string][]byte{}, sha256.New()
	err := fs.WalkDir(root, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "static/")
		if !strings.HasPrefix(name, "vendor/") {
			content = bare(name, content)
		}
		if path.Ext(name) == ".css" {
			name = "style.css" // one after another: in one file they compress better, by 0.9 kB
		}
		contents[name] = append(contents[name], content...)
		fmt.Fprintf(whole, "%s %d\n", name, len(content))
		whole.Write(content)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	own := prefix + hex.EncodeToString(whole.Sum(nil)[:6]) + "/"
	s := &site{assets: map[string]*file{}}
	for name, content := range contents {
		if name == "index.html" {
			s.page = newFile(name, bytes.ReplaceAll(content, []byte(prefix), []byte(own)), "no-cache")
			continue
		}
		s.assets[own+name] = newFile(name, content, "public, max-age=31536000, immutable")
	}
	return s
}

var (
	// comments are those of each language, as the files under static write them.
	comments = map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?s)<!--.*?-->`),
		".css":  regexp.MustCompile(`(?s)/\*.*?\*/`),
		".js":   regexp.MustCompile(`(?m)(^|\s)//( .*)?$`),
	}
	indent = regexp.MustCompile(`\n\s+`)
)

// bare drops what only readers of the source need: comments, indentation and empty lines,
// 4 of the 61 kB that a browser would load otherwise. A line of code stays a line. No string
// has several lines or looks like a comment, see the test.
func bare(name string, content []byte) []byte {
	if comment := comments[path.Ext(name)]; comment != nil {
		content = indent.ReplaceAll(comment.ReplaceAll(content, nil), []byte("\n"))
	}
	return content
}

func newFile(name string, content []byte, cache string) *file {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:16])
	f := &file{plain: content, tag: `"` + hash + `"`, packedTag: `"` + hash + `-gzip"`, kind: contentType(name), cache: cache}
	if packed := compress(content); len(packed) < len(content) {
		f.packed = packed
	}
	return f
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("web: compress: %v", err)) // cannot be: the level exists, memory takes all
	}
	return out.Bytes()
}

// contentType does not ask the machine's tables for the types that it knows: some
// machines call a .js file text/plain, which nosniff makes unusable.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case "":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(ext)
	}
}
