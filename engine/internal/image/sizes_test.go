package image

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// sparseHead returns the header of a sparse image and of its only chunk.
func sparseHead(block, blocks, chunks uint32, kind uint16, chunkBlocks, chunkSize uint32) string {
	le := binary.LittleEndian
	b := []byte("\x3a\xff\x26\xed\x01\x00\x00\x00\x1c\x00\x0c\x00")
	for _, n := range []uint32{block, blocks, chunks, 0} {
		b = le.AppendUint32(b, n)
	}
	b = le.AppendUint16(le.AppendUint16(b, kind), 0)
	return string(le.AppendUint32(le.AppendUint32(b, chunkBlocks), chunkSize))
}

// TestSparseSizes checks every count of a sparse image before it is used.
func TestSparseSizes(t *testing.T) {
	const maxCount = 1<<32 - 1
	for name, c := range map[string]struct{ file, want string }{
		"a product that is negative":    {sparseHead(1<<31+4, maxCount, 1, chunkSkip, maxCount, 12), "its header has 4294967295 blocks of 2147483652 bytes"},
		"a product that fits":           {sparseHead(1<<31, maxCount, 1, chunkFill, maxCount, 16) + "fill", ""},
		"a product of the largest":      {sparseHead(maxCount-3, maxCount, 1, chunkRaw, maxCount, 12), "its header has 4294967295 blocks of 4294967292 bytes"},
		"a chunk of more blocks":        {sparseHead(4096, 1, 1, chunkSkip, maxCount, 12), "it has more blocks than its header says"},
		"a chunk shorter than its head": {sparseHead(4096, 1, 1, chunkSkip, 1, 11), "a chunk has the wrong size"},
		"a chunk of no bytes":           {sparseHead(4096, 1, 1, chunkRaw, 1, 0), "a chunk has the wrong size"},
		"more chunks than there are":    {sparseHead(4096, 0, maxCount, chunkSkip, 0, 12), "unexpected EOF"},
	} {
		path := write(t, "x.simg", c.file)
		_, err := Stager{MaxSize: 8 << 20}.Open(t.Context(), Ref(path))
		if c.want == "" {
			if classify.Facts(err).Kind != classify.ImageTooLarge {
				t.Errorf("%s: %v; want %s", name, err, classify.ImageTooLarge)
			}
			continue
		}
		if classify.Facts(err).Kind != classify.ImageDecode || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s: …%s", name, err, classify.ImageDecode, c.want)
		}
	}
}

// TestManyRanges counts the ranges of a block map while they are parsed.
func TestManyRanges(t *testing.T) {
	text := `<bmap version="2.0"><BlockMap>` + strings.Repeat("<Range>0</Range>", maxRuns+1) + "</BlockMap></bmap>"
	if _, err := readBmap(strings.NewReader(text)); classify.Facts(err).Kind != classify.ImageDecode || !strings.HasSuffix(err.Error(), fmt.Sprintf("it has more than %d ranges", maxRuns)) {
		t.Errorf("readBmap = %v; want that there are too many ranges", err)
	}
}

// TestLongRecords bounds the files that are read whole.
func TestLongRecords(t *testing.T) {
	sums := write(t, "SHA256SUMS", "")
	if err := os.Truncate(sums, maxSums+1); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseDigest(sums, "disk.img"); classify.Facts(err).Kind != classify.Usage || !strings.Contains(err.Error(), fmt.Sprintf("has more than %d bytes", maxSums)) {
		t.Errorf("ParseDigest of a long file = %v; want an error", err)
	}
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	packed := gzipped(t, content(1, 1000))
	if im, err := (Stager{Cache: c}).Open(t.Context(), Ref(packed)); err != nil {
		t.Fatal(err)
	} else {
		im.Close()
	}
	records, err := filepath.Glob(filepath.Join(c.images(), "*"+entrySuffix))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if err := os.Truncate(records[0], maxRecord+1); err != nil {
		t.Fatal(err)
	}
	im, err := Stager{Cache: c}.Open(t.Context(), Ref(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if st, err := os.Stat(records[0]); err != nil || st.Size() > maxRecord {
		t.Errorf("the record has %d bytes, %v; want it replaced", st.Size(), err)
	}
}
