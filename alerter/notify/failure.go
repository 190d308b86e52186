package notify

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
)

// networkFailure describes an error of http.Client.Do without quoting it.
func networkFailure(err error) Reply {
	var (
		dns   *net.DNSError
		cert  *tls.CertificateVerificationError
		errno syscall.Errno
		late  net.Error
		noTLS tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, errNotPublic):
		return Reply{Reason: "webhook address is not public"}
	case errors.Is(err, errOwn):
		return Reply{Reason: "webhook address is one of this machine"}
	case errors.As(err, &dns):
		return Reply{Reason: "host name not resolved", Retry: true}
	case errors.As(err, &late) && late.Timeout():
		return Reply{Reason: "no answer in time", Retry: true}
	case errors.As(err, &cert):
		return Reply{Reason: "TLS certificate not accepted", Retry: true}
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noTLS):
		return Reply{Reason: "server does not speak TLS", Retry: true}
	case errors.As(err, &errno):
		return Reply{Reason: errno.Error(), Retry: true} // a fixed text of the system
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Reply{Reason: "connection closed without an answer", Retry: true}
	default:
		return Reply{Reason: "request failed", Retry: true}
	}
}
