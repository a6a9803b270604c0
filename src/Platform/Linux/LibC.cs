using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>The C library's functions that .NET has no equal for. Every call that fails leaves errno in <see cref="Marshal.GetLastPInvokeError"/>.</summary>
internal static unsafe partial class LibC
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16, EINVAL = 22, ENOSPC = 28, EPIPE = 32;
    public const int EROFS = 30, EOPNOTSUPP = 95, ENETDOWN = 100, ETIME = 62, ENOSYS = 38, ENODEV = 19, ENXIO = 6;

    public const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x40, O_EXCL = 0x80, O_DIRECT = 0x4000, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000, O_DIRECTORY = 0x10000;

    public const uint S_IFMT = 0xF000, S_IFREG = 0x8000, S_IFDIR = 0x4000, S_IFIFO = 0x1000, S_IFSOCK = 0xC000, S_IFCHR = 0x2000, S_IFBLK = 0x6000;

    public const int PROT_READ = 1, PROT_WRITE = 2;
    public const int MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000;

    public const short POLLIN = 1, POLLOUT = 4, POLLERR = 8;
    public const int RWF_NOWAIT = 8;
    public const int POSIX_FADV_WILLNEED = 3, POSIX_FADV_DONTNEED = 4;
    public const int SEEK_DATA = 3, SEEK_HOLE = 4;
    public const int FALLOC_FL_KEEP_SIZE = 1;
    public const int SCHED_OTHER = 0, SCHED_IDLE = 5;

    /// <summary>linux/ioprio.h: "who" is one thread; the idle class gets the disk when nobody else asks for it.</summary>
    public const int IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_IDLE = 3, IOPRIO_CLASS_SHIFT = 13;

    /// <summary>asm/unistd_64.h.</summary>
    public const int SYS_ioprio_set = 251, SYS_gettid = 186;

    public const int EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1;
    public const uint EPOLLIN = 1, EPOLLERR = 8, EPOLLET = 1u << 31;

    public static readonly nint MapFailed = -1;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int dup2(int fd, int as_);

    /// <summary>Only for commands without a third argument.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int fd, int command);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int execv(string path, byte** arguments);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwrite(int fd, void* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int fd, void* buffer, nint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint preadv2(int fd, IoVector* vectors, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fallocate(int fd, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int fd, long offset, int whence);

    [LibraryImport("libc")]
    public static partial int posix_fadvise(int fd, long offset, long length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendfile(int outFd, int inFd, long* offset, nint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int fd, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fsync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fdatasync(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint mmap(nint address, nint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int munmap(nint address, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int bind(int fd, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int name, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int fd, int level, int name, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockname(int fd, void* address, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(int fd, void* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(int fd, void* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int stat(string path, FileStat* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fstat(int fd, FileStat* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollFd* fds, ulong count, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, EpollEvent* wanted);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(int epoll, EpollEvent* events, int count, int timeoutMs);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_setaffinity(int threadId, nint setBytes, void* set);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_getaffinity(int threadId, nint setBytes, void* set);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_setscheduler(int threadId, int policy, int* priority);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint syscall(nint number, nint a0, nint a1, nint a2, nint a3, nint a4, nint a5);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint if_nametoindex(string name);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int adjtimex(Timex* timex);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clock_gettime(int clock, Timespec* time);

    /// <summary>errno of the last failed call as text, as strerror(3) gives it: "No space left on device".</summary>
    public static string ErrorText(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    public static string LastErrorText() => ErrorText(Marshal.GetLastPInvokeError());

    /// <summary>Whether something disciplines the system clock (timex.status without STA_UNSYNC, adjtimex(2)).</summary>
    public static bool IsClockSynchronised()
    {
        const int STA_UNSYNC = 0x40;
        Timex timex = default;
        return adjtimex(&timex) >= 0 && (timex.Status & STA_UNSYNC) == 0;
    }

    /// <summary>CLOCK_BOOTTIME (clock_gettime(2)): nanoseconds since boot, suspend included; never stepped.</summary>
    public static long BootTimeNs()
    {
        const int CLOCK_BOOTTIME = 7;
        Timespec now = default;
        return clock_gettime(CLOCK_BOOTTIME, &now) == 0 ? (now.Seconds * 1_000_000_000) + now.Nanoseconds : throw new IOException($"clock_gettime: {LastErrorText()}");
    }

    /// <summary>The kernel's TAI-UTC record (timex.tai, adjtimex(2)); 0 when nobody set it.</summary>
    public static int KernelTaiOffsetSeconds()
    {
        Timex timex = default;
        return adjtimex(&timex) < 0 ? 0 : timex.Tai;
    }
}

/// <summary>struct pollfd, poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    public int Fd;
    public short Events;
    public short Revents;
}

/// <summary>struct iovec, readv(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public void* Base;
    public nuint Bytes;
}

/// <summary>struct epoll_event, epoll_ctl(2): packed on x86-64.</summary>
[StructLayout(LayoutKind.Explicit, Size = 12)]
internal struct EpollEvent
{
    [FieldOffset(0)] public uint Events;
    [FieldOffset(4)] public ulong Data;
}

/// <summary>A file descriptor that is closed exactly once.</summary>
internal sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor(int fd) : base(-1, ownsHandle: true) => SetHandle(fd);

    public override bool IsInvalid => handle < 0;

    /// <summary>The number; valid while the owner keeps this object alive and open.</summary>
    public int Value => (int)handle;

    protected override bool ReleaseHandle() => LibC.close((int)handle) == 0;
}
