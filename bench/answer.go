package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
)

// answerStart is how much of an answer's body is looked at: FlagMeter's begins with
// {"accepted":1000,"duplicates":0.
const answerStart = 200

// errRefused reports a request that the server does not take now.
var errRefused = errors.New("the request was refused for now")

// readCounted reads the answer to a request of which all events must count.
func readCounted(r *bufio.Reader) error {
	status, body, err := readAnswer(r)
	switch {
	case err != nil:
		return err
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: answer is %d: %s", errRefused, status, body)
	case status != http.StatusOK:
		return fmt.Errorf("answer is %d: %s", status, body)
	case repeats(body):
		return fmt.Errorf("an event was taken for a repetition: %s", body)
	}
	return nil
}

// repeats tells whether FlagMeter had counted any of the events before. What others answer
// does not say.
func repeats(body []byte) bool {
	_, after, ok := bytes.Cut(body, []byte(`"duplicates":`))
	return ok && !bytes.HasPrefix(after, []byte("0,"))
}

// readAnswer reads an HTTP/1.1 answer and returns how its body begins, which is valid until
// the next read.
func readAnswer(r *bufio.Reader) (status int, body []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 {
		return 0, nil, fmt.Errorf("answer is %q", line)
	}
	if status, err = strconv.Atoi(string(code[:3])); err != nil {
		return 0, nil, fmt.Errorf("answer is %q", line)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, nil, fmt.Errorf("read header: %w", err)
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, fmt.Errorf("read Content-Length: %w", err)
			}
		}
	}
	if length < 0 {
		body, err = readChunked(r)
	} else {
		body, err = readLength(r, length)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read body: %w", err)
	}
	return status, body, nil
}

// readLength reads a body of a known length.
func readLength(r *bufio.Reader, length int) ([]byte, error) {
	body, err := r.Peek(min(length, answerStart))
	if err != nil {
		return nil, err
	}
	if length > r.Buffered() { // then Discard reads the rest over it
		body = bytes.Clone(body)
	}
	_, err = r.Discard(length)
	return body, err
}

// readChunked reads a body in chunks: earlier versions answer large batches with those.
func readChunked(r *bufio.Reader) ([]byte, error) {
	chunks := httputil.NewChunkedReader(r)
	body := make([]byte, answerStart)
	n, err := io.ReadFull(chunks, body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, chunks); err != nil {
		return nil, err
	}
	if _, err := r.Discard(len("\r\n")); err != nil { // behind the last chunk
		return nil, err
	}
	return body[:n], nil
}
