package flash

import "github.com/flashlua/flashlua/engine/internal/image"

// cut joins adjacent ranges into runs of at most max bytes, which is a multiple of image.BlockSize. The last run
// of the image is padded to a whole sector.
func (s ranges) cut(m Medium, max int64) (runs []ddRun) {
	for i := 0; i < len(s); {
		off, end := s[i].Off, s[i].Off+s[i].Len
		for i++; i < len(s) && s[i].Off == end; i++ {
			end += s[i].Len
		}
		for end = m.padded(end); off < end; off += max {
			runs = append(runs, ddRun{off, min(max, end-off), 1})
		}
	}
	return runs
}

// pieces cuts ranges into pieces of at most max bytes, each of one or more runs. The first pieces, as many as
// probes, are small: they show what the others will cost.
func (s ranges) pieces(m Medium, max int64, probes int) (all [][]ddRun) {
	for range probes {
		n, size := 0, int64(0)
		for n < len(s) && size+s[n].Len <= image.MaxRange {
			size += s[n].Len
			n++
		}
		if n > 0 {
			all, s = append(all, s[:n].cut(m, max)), s[n:]
		}
	}
	room := int64(0)
	for _, r := range s.cut(m, max) {
		if r.len > room {
			all, room = append(all, nil), max
		}
		all[len(all)-1] = append(all[len(all)-1], r)
		room -= r.len
	}
	return all
}

// blocks cuts ranges into blocks of image.BlockSize, which can only be read by ReadAt. The last one of an image
// may be shorter.
func (s ranges) blocks() (all ranges) {
	for _, r := range s {
		for at := int64(0); at < r.Len; at += image.BlockSize {
			all = append(all, image.Range{Off: r.Off + at, Len: min(image.BlockSize, r.Len-at), Kind: r.Kind})
		}
	}
	return all
}

// contains reports whether a range is one of s.
func (s ranges) contains(r image.Range) bool {
	for _, x := range s {
		if x.Off == r.Off {
			return true
		}
	}
	return false
}
