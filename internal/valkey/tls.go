package valkey

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS names files in PEM for a rediss:// URL; all may be empty.
type TLS struct {
	// CAFile are the certificates that Valkey's is checked against, instead of those that the
	// machine trusts.
	CAFile string
	// CertFile and KeyFile are what this client shows, both or none.
	CertFile, KeyFile string
}

// apply enters the files into cfg, which is nil without TLS.
func (t TLS) apply(cfg *tls.Config) error {
	if cfg == nil {
		if t != (TLS{}) {
			return errors.New("certificates for valkey are set, but VALKEY_URL is not rediss://:" +
				" the connection would not be encrypted")
		}
		return nil
	}
	cfg.ServerName = "" // of one host; each of a cluster is checked by its own
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return fmt.Errorf("read VALKEY_CA_FILE: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("read VALKEY_CA_FILE: %s has no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return fmt.Errorf("read VALKEY_CERT_FILE and VALKEY_KEY_FILE: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return nil
}
