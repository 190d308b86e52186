package schema_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// statement is what a program has sent to Postgres.
type statement struct {
	SQL  string
	Args []*string `json:",omitempty"` // as text; nil is NULL
	Copy string    `json:",omitempty"` // the rows of a COPY
}

// recorder is a proxy in front of Postgres that notes what programs send: transactions that
// were committed, and single statements. It reads version 3.0 of the protocol, without TLS.
type recorder struct {
	t       *testing.T
	backend string

	mu    sync.Mutex
	units [][]statement
}

// newRecorder returns a recorder before the server at an address, and its own address.
func newRecorder(t *testing.T, backend string) (r *recorder, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	r = &recorder{t: t, backend: backend}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client)
		}
	}()
	return r, listener.Addr().String()
}

func (r *recorder) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.backend)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	seen, sent := io.Pipe()
	go r.read(bufio.NewReader(seen), seen)
	_, _ = io.Copy(io.MultiWriter(server, sent), client)
	sent.Close()
}

// read follows a session.
func (r *recorder) read(in *bufio.Reader, rest io.Reader) {
	defer func() { _, _ = io.Copy(io.Discard, rest) }() // the session must not wait for its reader
	message := func() ([]byte, error) {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err != nil {
			return nil, err
		}
		body := make([]byte, length-4)
		_, err := io.ReadFull(in, body)
		return body, err
	}
	first, err := message()
	if err != nil || binary.BigEndian.Uint32(first) != 3<<16 { // or it asks to cancel
		return
	}
	prepared := map[string]string{}
	var open []statement // a transaction
	begun := false
	add := func(s statement) {
		switch word := strings.ToUpper(strings.Trim(s.SQL, " ;\n")); {
		case strings.HasPrefix(word, "BEGIN"):
			open, begun = nil, true
			return
		case word == "COMMIT":
			r.note(open)
			open, begun = nil, false
			return
		case word == "ROLLBACK":
			open, begun = nil, false
			return
		case word == "":
			return
		}
		if begun {
			open = append(open, s)
		} else {
			r.note([]statement{s})
		}
	}
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return
		}
		body, err := message()
		if err != nil {
			return
		}
		switch kind {
		case 'Q':
			add(statement{SQL: string(bytes.TrimRight(body, "\x00"))})
		case 'P':
			name, rest, _ := bytes.Cut(body, []byte{0})
			sql, _, _ := bytes.Cut(rest, []byte{0})
			prepared[string(name)] = string(sql)
		case 'B':
			_, rest, _ := bytes.Cut(body, []byte{0})
			name, rest, _ := bytes.Cut(rest, []byte{0})
			add(statement{SQL: prepared[string(name)], Args: r.arguments(rest)})
		case 'd':
			if begun && len(open) > 0 {
				open[len(open)-1].Copy += string(body)
			}
		}
	}
}

// arguments are those of a Bind message.
func (r *recorder) arguments(b []byte) (args []*string) {
	short := func() int { n := int(binary.BigEndian.Uint16(b)); b = b[2:]; return n }
	for range short() {
		if short() != 0 {
			r.t.Error("an argument is not sent as text: the recorder cannot read it")
		}
	}
	for range short() {
		length := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if length < 0 {
			args = append(args, nil)
			continue
		}
		text := string(b[:length])
		args, b = append(args, &text), b[length:]
	}
	return args
}

func (r *recorder) note(unit []statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units = append(r.units, unit)
}

// repeats is how often one sequence of statements is kept.
const repeats = 3

// distinct are the units in their order, without those that say nothing new.
func (r *recorder) distinct() (units [][]statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]int{}
	for _, unit := range r.units {
		var sequence strings.Builder
		last := ""
		for _, s := range unit {
			if s.SQL != last { // a statement that is repeated is no other sequence
				sequence.WriteString(s.SQL + "\x00")
			}
			last = s.SQL
		}
		if seen[sequence.String()]++; seen[sequence.String()] <= repeats {
			units = append(units, unit)
		}
	}
	return units
}
