//! Pointers become slices here, and nowhere else.
//!
//! What is checked: NULL (allowed for nothing at all), alignment, a size that fits the address space, and that what is
//! written overlaps nothing else. What the caller owes: that the memory is there, and that nothing else writes to it
//! during the call.

use core::ops::Range;

use crate::status::{CError, Result, Status};

/// Refuses NULL and misaligned pointers.
pub(crate) fn check_pointer<T>(pointer: *const T) -> Result<()> {
    if pointer.is_null() {
        Err(CError::of(Status::Null))
    } else if !pointer.is_aligned() {
        Err(CError::of(Status::Misaligned))
    } else {
        Ok(())
    }
}

/// The addresses of `len` elements, for comparisons.
fn span<T>(pointer: *const T, len: usize) -> Result<Range<usize>> {
    let too_large = CError::of(Status::TooLarge);
    let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| *bytes <= isize::MAX as usize).ok_or(too_large)?;
    Ok(pointer.addr()..pointer.addr().checked_add(bytes).ok_or(too_large)?)
}

/// The product of two sizes.
pub(crate) fn product(a: usize, b: usize) -> Result<usize> {
    a.checked_mul(b).ok_or(CError::of(Status::TooLarge))
}

/// `len` elements to read. NULL is fine for 0 of them.
///
/// # Safety
/// There must be `len` elements that nothing writes while the slice lives.
pub(crate) unsafe fn read<'a, T>(pointer: *const T, len: usize) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    check_pointer(pointer)?;
    span(pointer, len)?;
    // SAFETY: not NULL, aligned and of a size that fits, as checked; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(pointer, len) })
}

/// `len` elements to write, none of them in `others`.
///
/// # Safety
/// There must be `len` initialised elements that nothing else reads or writes while the slice lives.
pub(crate) unsafe fn write<'a, T>(pointer: *mut T, len: usize, others: &[Range<usize>]) -> Result<&'a mut [T]> {
    if len == 0 {
        return Ok(&mut []);
    }
    check_pointer(pointer)?;
    let mine = span(pointer, len)?;
    if others.iter().any(|other| overlap(&mine, other)) {
        return Err(CError::of(Status::Overlap));
    }
    // SAFETY: not NULL, aligned, of a size that fits and apart from the other slices, as checked; the rest is the
    // caller's promise.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, len) })
}

/// The addresses of `len` elements that are lent for longer than a call; an empty range for 0 of them.
pub(crate) fn place<T>(pointer: *const T, len: usize) -> Result<Range<usize>> {
    if len == 0 {
        return Ok(0..0);
    }
    check_pointer(pointer)?;
    span(pointer, len)
}

/// Whether two places share memory.
pub(crate) fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Refuses places that share memory.
pub(crate) fn apart(places: &[Range<usize>]) -> Result<()> {
    for (i, a) in places.iter().enumerate() {
        if places.iter().skip(i + 1).any(|b| overlap(a, b)) {
            return Err(CError::of(Status::Overlap));
        }
    }
    Ok(())
}

/// The addresses of a slice.
pub(crate) fn range<T>(slice: &[T]) -> Range<usize> {
    let range = slice.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// Writes one value where C wants it.
///
/// # Safety
/// The pointer, if it is not NULL and aligned, must lead to memory that may be written.
pub(crate) unsafe fn put<T>(pointer: *mut T, value: T) -> Result<()> {
    check_pointer(pointer)?;
    // SAFETY: not NULL and aligned, as checked; the rest is the caller's promise.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Reads one value that C lends.
///
/// # Safety
/// The pointer, if it is not NULL and aligned, must lead to an initialised value.
pub(crate) unsafe fn get<T: Copy>(pointer: *const T) -> Result<T> {
    check_pointer(pointer)?;
    // SAFETY: not NULL and aligned, as checked; the rest is the caller's promise.
    Ok(unsafe { pointer.read() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_looked_at() {
        let mut memory = [0.0_f32; 4];
        let pointer = memory.as_mut_ptr();
        let odd = pointer.wrapping_byte_add(1);
        // SAFETY: refused before anything is read, or inside `memory`.
        unsafe {
            assert_eq!(read::<f32>(core::ptr::null(), 1).unwrap_err().status, Status::Null);
            assert_eq!(read(odd, 1).unwrap_err().status, Status::Misaligned);
            assert_eq!(read(pointer, usize::MAX / 2).unwrap_err().status, Status::TooLarge);
            assert_eq!(write(pointer, 2, &[span(pointer.add(1), 1).unwrap()]).unwrap_err().status, Status::Overlap);
            assert_eq!(write(pointer, 2, &[span(pointer.add(2), 2).unwrap()]).unwrap().len(), 2);
            assert!(read::<f32>(core::ptr::null(), 0).unwrap().is_empty());
            assert_eq!(put(odd, 1.0).unwrap_err().status, Status::Misaligned);
        }
        assert_eq!(product(usize::MAX, 2).unwrap_err().status, Status::TooLarge);
    }
}
