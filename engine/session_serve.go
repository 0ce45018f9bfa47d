package engine

import (
	"cmp"
	"context"
	"net"
	"strings"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// ServedFile is where a board finds a file of the policy on the station. Plain data: safe for concurrent use while
// nothing changes it.
type ServedFile struct {
	URL        string // http://HOST:PORT/PATH
	TFTPServer string // an IPv4 address; "" if Net.NoTFTP
	TFTPPath   string // on that server
	Size       int64  // bytes
}

// Serve serves a file of the policy until the run ends, and returns where. board is the board's address, "" if it is
// not known: the station's address must be configured then.
func (s *Session) Serve(ctx context.Context, name, board string) (ServedFile, error) {
	if err := s.CheckActive(); err != nil {
		return ServedFile{}, err
	}
	f, ok := s.run.files.files[name]
	if !ok {
		return ServedFile{}, classify.New(classify.ConfigPolicy, "board %s has no file %q", s.run.policy.Name, name)
	}
	board = cmp.Or(board, s.boardAddr)
	if own := s.run.policy.Net.Address; own.IsValid() {
		board = cmp.Or(board, own.Addr().String())
	}
	host, err := s.stationAddr(ctx, s.httpAddress(), board)
	if err != nil {
		return ServedFile{}, err
	}
	if f.httpPath == "" {
		f.httpPath = s.offerFile(name, f)
		s.run.files.files[name] = f
	}
	served := ServedFile{URL: "http://" + net.JoinHostPort(host, s.run.http.Port()) + f.httpPath, Size: f.size}
	if s.run.policy.Net.NoTFTP {
		return served, nil
	}
	served.TFTPPath = f.tftpName
	if s.run.files.tftp != nil {
		served.TFTPPath = strings.Replace(f.tftpName, "/", "-", 1) // barebox finds no file in a directory that it cannot open
	}
	served.TFTPServer, err = s.stationAddr(ctx, s.tftpAddress(), board)
	return served, err
}

// offerFile offers a file by HTTP, and returns the path of its URL, which ends with the policy's name of the file: it
// needs no quotes in any boot loader. Requests and progress are events.
func (s *Session) offerFile(name string, f bootFile) string {
	events, step := s.run.events, "load "+name
	var sent atomic.Int64
	path, _ := s.run.http.Offer(serve.Offer{
		Content:   serve.Content{Name: name, Size: f.size, ReaderAt: f.content},
		OnSent:    func(n int64) { events.progress(step, min(sent.Add(n), f.size), f.size) },
		OnRequest: func(from string) { sent.Store(0); events.note(from + " requests the " + name + " file by HTTP") },
	})
	return path
}

// tftpAddress returns the configured address of the TFTP server as the board sees it, "" if it has to be detected.
func (s *Session) tftpAddress() string {
	if s.run.files.tftp == nil { // another server's, which net.listen says nothing about
		return s.run.policy.Net.TFTP
	}
	return cmp.Or(s.run.policy.Net.TFTP, s.run.policy.Net.listenAddress())
}
