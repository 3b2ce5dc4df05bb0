package main

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/certificate"
)

// TLSConfig is the section tls.
type TLSConfig struct {
	Listen       string              `yaml:"listen" env:"LISTEN" doc:"Address of the TLS listener; empty for none."`
	CertFile     string              `yaml:"cert_file" env:"CERT_FILE" reload:"true" doc:"PEM file with the certificate and its chain."`
	KeyFile      string              `yaml:"key_file" env:"KEY_FILE" reload:"true" doc:"PEM file with its key."`
	Certificates []CertificateConfig `yaml:"certificates,omitempty" reload:"true" doc:"Further certificates. The first that has the name which the client asks for (SNI) is used, beginning with cert_file's."`
	MinVersion   string              `yaml:"min_version" env:"MIN_VERSION" doc:"Oldest version of TLS that is spoken: \"1.2\" or \"1.3\"."`
	Streams      int                 `yaml:"streams" env:"STREAMS" doc:"Requests under way on one HTTP/2 connection."`

	Redirect HTTPSRedirectConfig `yaml:"redirect" envPrefix:"REDIRECT_" reload:"true" doc:"What plain HTTP requests of the public listener are told. A request that came to a trusted proxy by https is none."`
	HSTS     HSTSConfig          `yaml:"hsts" envPrefix:"HSTS_" reload:"true" doc:"Strict-Transport-Security in answers over TLS: browsers then use nothing else for this host."`
}

// CertificateConfig is an entry of tls.certificates.
type CertificateConfig struct {
	CertFile string `yaml:"cert_file" doc:"PEM file with the certificate and its chain."`
	KeyFile  string `yaml:"key_file" doc:"PEM file with its key."`
}

// HTTPSRedirectConfig is the section tls.redirect.
type HTTPSRedirectConfig struct {
	StatusCode int      `yaml:"status_code" env:"STATUS_CODE" doc:"308 (keeps method and body), 307, 301 or 302; 0 for no redirect."`
	Port       int      `yaml:"port" env:"PORT" doc:"Port at which browsers find https."`
	Hosts      []string `yaml:"hosts" env:"HOSTS" doc:"Host names that are redirected; *.example.com means all below. None means every host. As a variable: separated by commas."`
}

// HSTSConfig is the section tls.hsts.
type HSTSConfig struct {
	MaxAge     time.Duration `yaml:"max_age" env:"MAX_AGE" doc:"How long browsers remember; 0 for no header. Begin with a short time: it cannot be taken back."`
	SubDomains bool          `yaml:"sub_domains" env:"SUB_DOMAINS" doc:"The same for all hosts below."`
	Preload    bool          `yaml:"preload" env:"PRELOAD" doc:"Consent to being on the browsers' own lists."`
}

// ForwardedConfig is the section forwarded.
type ForwardedConfig struct {
	Mode         string `yaml:"mode" env:"MODE" doc:"X-Forwarded-For: append (the address of whoever is connected, to what a trusted proxy sent), preserve (what a trusted proxy sent), or remove. X-Forwarded-Proto, -Host and -Port are always set."`
	ClientPort   bool   `yaml:"client_port" env:"CLIENT_PORT" doc:"Appends addresses with their port."`
	MaxAddresses int    `yaml:"max_addresses" env:"MAX_ADDRESSES" doc:"Addresses that X-Forwarded-For of a request may have; more are answered with 463, as an ALB does."`
}

// pairs are the certificates' files, in order.
func (t *TLSConfig) pairs() []certificate.Pair {
	var list []certificate.Pair
	if t.CertFile != "" || t.KeyFile != "" {
		list = append(list, certificate.Pair{CertFile: t.CertFile, KeyFile: t.KeyFile})
	}
	for _, c := range t.Certificates {
		list = append(list, certificate.Pair(c))
	}
	return list
}

// certificates reads them; nil if there is no TLS listener.
func (t *TLSConfig) certificates() (*certificate.Set, error) {
	if t.Listen == "" {
		return nil, nil
	}
	return certificate.Load(t.pairs())
}

// files are the paths in the section.
func (t *TLSConfig) files() []*string {
	list := []*string{&t.CertFile, &t.KeyFile}
	for i := range t.Certificates {
		list = append(list, &t.Certificates[i].CertFile, &t.Certificates[i].KeyFile)
	}
	return list
}

// The words of tls.min_version.
const (
	tls12 = "1.2"
	tls13 = "1.3"
)

func (t *TLSConfig) minVersion() uint16 {
	if t.MinVersion == tls13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// https returns what the data plane tells clients about TLS.
func (t *TLSConfig) https() proxy.HTTPS {
	return proxy.HTTPS{
		Redirect: t.Redirect.StatusCode, Port: t.Redirect.Port, Hosts: t.Redirect.Hosts, StrictTransport: t.HSTS.header(),
	}
}

// header is the value of Strict-Transport-Security (RFC 6797 6.1), "" for none.
func (h *HSTSConfig) header() string {
	if h.MaxAge <= 0 {
		return ""
	}
	value := fmt.Sprintf("max-age=%d", int64(h.MaxAge.Seconds()))
	if h.SubDomains {
		value += "; includeSubDomains"
	}
	if h.Preload {
		value += "; preload"
	}
	return value
}

func (c *Config) checkTLS(m *mistakes) {
	t := &c.TLS
	m.oneOf("tls.min_version", t.MinVersion, tls12, tls13)
	switch t.Redirect.StatusCode {
	case 0, 301, 302, 307, 308:
	default:
		m.add("tls.redirect.status_code", "%d is none of 301, 302, 307, 308, or 0 for no redirect", t.Redirect.StatusCode)
	}
	if t.Redirect.StatusCode != 0 && t.Listen == "" && len(c.TrustedProxies) == 0 {
		m.add("tls.redirect.status_code", "nothing speaks https: set tls.listen, or trusted_proxies for a load balancer in front that does")
	}
	for i, h := range t.Redirect.Hosts {
		if name := strings.TrimPrefix(h, "*."); name == "" || strings.ContainsAny(name, "*/ :") {
			m.add(fmt.Sprintf("tls.redirect.hosts[%d]", i), "%q is no host name such as edit.example.com or *.example.com", h)
		}
	}
	if t.Listen == "" {
		return
	}
	if len(t.pairs()) == 0 {
		m.add("tls.cert_file", "is empty; the TLS listener needs a certificate")
		return
	}
	if _, err := t.certificates(); err != nil {
		for _, err := range joined(err) {
			m.add("tls", "%v", err)
		}
	}
}

func (c *Config) checkForwarded(m *mistakes) {
	m.oneOf("forwarded.mode", c.Forwarded.Mode, string(proxy.ForwardedAppend), string(proxy.ForwardedPreserve), string(proxy.ForwardedRemove))
}
