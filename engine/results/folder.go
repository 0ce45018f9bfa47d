package results

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/input"
)

// Folder is a folder of results. It has one file for each month (in UTC) and machine, YYYY-MM.HOST.jsonl, so that
// machines may share a folder on a network file system. It is safe for concurrent use, also by several processes.
type Folder string

// fileName matches the names of files of results, with the month and the machine.
var fileName = regexp.MustCompile(`^(\d{4}-\d\d)\.([A-Za-z0-9._-]+)\.jsonl$`)

// unusual matches what the name of a machine cannot have in a file name.
var unusual = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// Prepare creates the folder if necessary, and returns an error if no result could be appended at this time. It
// never waits for another process.
func (d Folder) Prepare(now time.Time, host string) error {
	f, err := d.open(now, host)
	if err != nil {
		return err
	}
	return f.Close()
}

// Append appends a record by one write, so that records of processes do not mix. If the last line is incomplete, as
// after a full disk, the record has a line of its own nevertheless.
func (d Folder) Append(r Record) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	f, err := d.open(r.Time, r.Host)
	if err != nil {
		return err
	}
	var last [1]byte
	if st, err := f.Stat(); err == nil && st.Size() > 0 {
		if _, err := f.ReadAt(last[:], st.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

// open opens the file of a month and a machine. Its permissions are what the umask leaves.
func (d Folder) open(at time.Time, host string) (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o777); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s.%s.jsonl", at.UTC().Format("2006-01"), cmp.Or(unusual.ReplaceAllString(host, "_"), "localhost"))
	return input.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
}

// maxLine is how many bytes a line may have.
const maxLine = 1 << 20

// Read returns the records from since on, in order of time, and remarks about lines that are not records, as the one
// that was being written when the disk was full. A folder that does not exist is an error.
func (d Folder) Read(since time.Time) (all []Record, remarks []string, err error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil || m[1] < since.UTC().Format("2006-01") {
			continue
		}
		path := filepath.Join(string(d), e.Name())
		f, err := input.Open(path)
		if err != nil {
			return nil, nil, err
		}
		some, bad, err := readLines(f, path, since)
		f.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		all, remarks = append(all, some...), append(remarks, bad...)
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return all, remarks, nil
}

// readLines returns the records of a file.
func readLines(f io.Reader, path string, since time.Time) (all []Record, remarks []string, err error) {
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, whole, err := bounded.Line(r, maxLine)
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		record, ok := parse(line)
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case ok && !record.Time.Before(since):
			all = append(all, record)
		case ok:
		case !whole:
			remarks = append(remarks, fmt.Sprintf("%s:%d: the last line is incomplete: its run was killed while it was written, or the disk was full", path, n))
		default:
			remarks = append(remarks, fmt.Sprintf("%s:%d: the line is no result of flashlua: it is left out", path, n))
		}
		if err == io.EOF {
			return all, remarks, nil
		}
	}
}
