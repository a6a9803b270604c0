using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>What the clocks need of the C library. Every call that fails leaves errno in <see cref="Marshal.GetLastPInvokeError"/>.</summary>
internal static unsafe partial class SystemCalls
{
    public const int EPERM = 1, ENOENT = 2, EACCES = 13, EBUSY = 16, ENODEV = 19, EINVAL = 22, ENOTTY = 25, EOPNOTSUPP = 95;
    public const int O_RDONLY = 0, O_RDWR = 2, O_CLOEXEC = 0x80000;
    public const int AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000;
    public const int CLOCK_REALTIME = 0, CLOCK_MONOTONIC_RAW = 4;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int clock_adjtime(int clock, ref Timex timex);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clock_gettime(int clock, out Timespec time);

    // The kernel's own clocks are read in user space (vDSO) in some 20 ns: the transition would cost as much again, and widen what is read between two such calls.
    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int clock_gettime_vdso(int clock, Timespec* time);

    [LibraryImport("libc", SetLastError = true)]
    public static partial NameIndex* if_nameindex();

    [LibraryImport("libc")]
    public static partial void if_freenameindex(NameIndex* list);

    /// <summary>FD_TO_CLOCKID of clock_gettime(2): the clock that an open /dev/ptpN is.</summary>
    public static int ClockOf(int fd) => (~fd << 3) | 3;

    /// <summary>A clock of the kernel, which cannot fail: <see cref="CLOCK_REALTIME"/>, <see cref="CLOCK_MONOTONIC_RAW"/>.</summary>
    public static long KernelClockNs(int clock)
    {
        Timespec time = default;
        _ = clock_gettime_vdso(clock, &time);
        return time.TotalNs;
    }

    /// <summary>Any clock. False: errno tells.</summary>
    public static bool TryGetTime(int clock, out long ns)
    {
        bool good = clock_gettime(clock, out Timespec time) == 0;
        ns = time.TotalNs;
        return good;
    }

    /// <summary>errno as strerror(3) says it.</summary>
    public static string ErrorText(int errno) => Marshal.GetPInvokeErrorMessage(errno);
}

/// <summary>struct timespec, clock_gettime(2), x86-64.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Timespec
{
    public long Seconds;
    public long Nanoseconds;

    public readonly long TotalNs => (Seconds * 1_000_000_000) + Nanoseconds;
}

/// <summary>struct if_nameindex, if_nameindex(3); the last one of a list has index 0.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NameIndex
{
    public uint Index;
    public byte* Name;
}

/// <summary>struct timex, adjtimex(2), x86-64: 208 bytes, as far as it is used here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 208)]
internal struct Timex
{
    public const uint ADJ_FREQUENCY = 2, ADJ_MAXERROR = 4, ADJ_ESTERROR = 8, ADJ_STATUS = 0x10, ADJ_TAI = 0x80, ADJ_SETOFFSET = 0x100, ADJ_NANO = 0x2000;
    public const int STA_INS = 0x10, STA_DEL = 0x20, STA_UNSYNC = 0x40;

    [FieldOffset(0)] public uint Modes;

    /// <summary>Parts per million with 16 fractional bits.</summary>
    [FieldOffset(16)] public long Frequency;

    /// <summary>Microseconds.</summary>
    [FieldOffset(24)] public long MaxError;

    /// <summary>Microseconds.</summary>
    [FieldOffset(32)] public long EstError;
    [FieldOffset(40)] public int Status;

    /// <summary>With ADJ_TAI: TAI - UTC to set, seconds.</summary>
    [FieldOffset(48)] public long Constant;

    /// <summary>Seconds of the step of ADJ_SETOFFSET; negative for a step back.</summary>
    [FieldOffset(72)] public long TimeSeconds;

    /// <summary>The rest of the step, never negative: nanoseconds with ADJ_NANO.</summary>
    [FieldOffset(80)] public long TimeFraction;

    /// <summary>TAI - UTC as it is, seconds.</summary>
    [FieldOffset(160)] public int Tai;
}
