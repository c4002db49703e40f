#include "lib/resident.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A segment that cannot be written to is as it is in its file, but where the
 * loader had to write addresses into code.
 */
static int trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const ElfW(Dyn) * d;

		if (p->p_type != PT_DYNAMIC)
			continue;
		d = (const ElfW(Dyn) *)(info->dlpi_addr + p->p_vaddr);
		for (; d->d_tag != DT_NULL; d++)
			if (d->d_tag == DT_TEXTREL ||
			    (d->d_tag == DT_FLAGS &&
			     d->d_un.d_val & DF_TEXTREL))
				return 0;
	}
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from, to;

		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		/* whole pages: at the ends it may share one with the next */
		from = (info->dlpi_addr + p->p_vaddr + page - 1) & ~(page - 1);
		to = (info->dlpi_addr + p->p_vaddr + p->p_filesz) & ~(page - 1);
		if (from < to)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void resident_trim(void)
{
	malloc_trim(0);
	dl_iterate_phdr(trim_object, NULL);
}
