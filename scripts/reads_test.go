package scripts

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// longer is the next group, with lines that a flusher of the version before does not read.
func (r *rig) longer(key string) Group {
	g := r.group(chat(1))
	g.Form = record.FormRequest
	g.IDs = []EventID{RequestKey("", key, "content")}
	return g
}

// wantRead applies the next longer group and expects it to be refused, with nothing written, unless
// read is true.
func (r *rig) wantRead(when string, read bool) {
	r.Helper()
	before := r.dump()
	if out := r.try(r.longer(when)); out.Unread == read {
		r.Errorf("%s: unread is %v", when, out.Unread)
	}
	if !read {
		stacktest.SameDump(r.TB, r.dump(), before)
	}
}

// olderWorks moves seq as seal.lua and drop.lua of the version before do.
func (r *rig) olderWorks() {
	r.Helper()
	if err := r.client.Incr(r.Context(), seqKey(0)).Err(); err != nil {
		r.Fatal(err)
	}
}

// Longer lines are accepted exactly while the flusher that moved seq last reads them.
func TestLongerLinesWaitForAFlusherThatReadsThem(t *testing.T) {
	r := newRig(t)
	dropNothing := func() {
		t.Helper()
		if err := r.Drop(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.wantRead("no flusher has worked", false)
	r.seal(now)
	r.wantRead("one has found nothing", true)
	r.seal(now)
	r.wantRead("one has handed out", true)
	dropNothing()
	r.wantRead("one has dropped", true)
	r.olderWorks()
	r.wantRead("an older one has handed out", false)
	r.add(chat(1)) // plain lines are not concerned
	dropNothing()
	r.wantRead("one has dropped behind the older one", false)
	r.seal(now)
	r.wantRead("one has handed out behind it", true)

	if err := r.client.Set(t.Context(), rewoundKey(0), "m 0 test", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Resume(t.Context(), 0, "m", 1<<33); err != nil {
		t.Fatal(err)
	}
	r.wantRead("one has recovered", true)
	r.olderWorks()
	r.wantRead("an older one has worked since", false)
	if err := r.client.Set(t.Context(), readsKey(0), "8589934593 0", 0).Err(); err != nil { // 2^33 + 1
		t.Fatal(err)
	}
	r.wantRead("one that reads no longer lines has said so", false)
}

// A group may have nothing but ids: a request whose events were all counted before is remembered.
func TestAGroupOfNothingButIDs(t *testing.T) {
	r := newRig(t)
	g := r.group()
	g.Lines, g.IDs = nil, []EventID{RequestKey("", "k", "one")}
	r.ingest(g)
	if dump := r.dump(); dump[rawKey(0)] != "" || dump[rawBytesKey(0)] != "" {
		t.Errorf("lines were stored: %v", dump)
	}
	for content, same := range map[string]bool{"one": true, "two": false} {
		again := r.group(chat(1))
		again.IDs = []EventID{RequestKey("", "k", content)}
		if out := r.try(again); len(out.Seen) != 1 || out.Seen[0].Same != same {
			t.Errorf("content %s: %+v", content, out)
		}
	}
}

// A key of one name space is none of another, nor an event's id.
func TestKeysOfRequestsHaveTheirNameSpace(t *testing.T) {
	r := newRig(t)
	for i, id := range []EventID{RequestKey("", "k", "x"), RequestKey("acme", "k", "x"),
		RequestKey("zed", "k", "x"),
		{Tenant: "acme", ID: "k", Content: "x"}, {Tenant: "", ID: "k", Content: "x"}} {
		g := r.group(chat(1))
		g.IDs = []EventID{id}
		if out := r.try(g); len(out.Seen) > 0 {
			t.Errorf("%d: %+v was seen before", i, id)
		}
	}
	g := r.group(chat(1))
	g.IDs = []EventID{RequestKey("acme", "k", UnknownContent)}
	if out := r.try(g); len(out.Seen) != 1 || out.Seen[0].Same {
		t.Errorf("unknown content: %+v", out)
	}
}
