// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>The clocks of the kernel and those of PTP hardware: clock_gettime(2), clock_adjtime(2).</summary>
[CHeaders("time.h")]
internal static unsafe class KernelClock
{
    public const int CLOCK_REALTIME = 0, CLOCK_MONOTONIC_RAW = 4, CLOCK_BOOTTIME = 7;

    /// <summary>Whether something disciplines the system clock (timex.status without STA_UNSYNC).</summary>
    public static bool IsSynchronised
    {
        get
        {
            Timex timex = default;
            return Adjust(CLOCK_REALTIME, ref timex) && (timex.Status & Timex.STA_UNSYNC) == 0;
        }
    }

    /// <summary>The kernel's record of TAI - UTC (timex.tai), seconds; 0 as long as no program has set it.</summary>
    public static int TaiOffsetSeconds
    {
        get
        {
            Timex timex = default;
            return Adjust(CLOCK_REALTIME, ref timex) ? timex.Tai : 0;
        }
    }

    /// <summary>The clock number of an open /dev/ptpN (FD_TO_CLOCKID of clock_gettime(2)).</summary>
    public static int NumberOf(int fd) => (~fd << 3) | 3;

    /// <summary>Reads a clock that the kernel keeps itself, which cannot fail: one of the CLOCK_ numbers above. Budget: 20 ns.</summary>
    public static long ReadNs(int clock)
    {
        Timespec time = default;
        _ = LibC.clock_gettime_vdso(clock, &time);
        return time.TotalNs;
    }

    /// <summary>Reads any clock, a PHC too. False: errno has the reason.</summary>
    public static bool TryReadNs(int clock, out long ns)
    {
        Timespec time = default;
        bool isGood = LibC.clock_gettime(clock, &time) == 0;
        ns = time.TotalNs;
        return isGood;
    }

    /// <summary>Adjusts a clock, or reads its state when no mode is set (clock_adjtime(2)). False: errno has the reason.</summary>
    public static bool Adjust(int clock, ref Timex timex)
    {
        fixed (Timex* argument = &timex)
            return LibC.clock_adjtime(clock, argument) >= 0;
    }
}

/// <summary>struct timespec, clock_gettime(2), x86-64; the same as struct __kernel_timespec.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct timespec", "time.h", Prefix = "tv_")]
internal struct Timespec
{
    [CField("tv_sec")] public long Seconds;
    [CField("tv_nsec")] public long Nanoseconds;

    public readonly long TotalNs => (Seconds * 1_000_000_000) + Nanoseconds;
}

/// <summary>struct timex, adjtimex(2), x86-64: 208 bytes, as far as it is used here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 208)]
[CStruct("struct timex", "sys/timex.h")]
internal struct Timex
{
    public const uint ADJ_FREQUENCY = 2, ADJ_MAXERROR = 4, ADJ_ESTERROR = 8, ADJ_STATUS = 0x10, ADJ_TAI = 0x80;
    public const uint ADJ_SETOFFSET = 0x100, ADJ_NANO = 0x2000;
    public const int STA_INS = 0x10, STA_DEL = 0x20, STA_UNSYNC = 0x40;

    [FieldOffset(0)] public uint Modes;

    /// <summary>Parts per million with 16 fractional bits.</summary>
    [FieldOffset(16), CField("freq")] public long Frequency;

    /// <summary>Microseconds.</summary>
    [FieldOffset(24), CField("maxerror")] public long MaxError;

    /// <summary>Microseconds.</summary>
    [FieldOffset(32), CField("esterror")] public long EstError;
    [FieldOffset(40)] public int Status;

    /// <summary>With ADJ_TAI: TAI - UTC to set, seconds.</summary>
    [FieldOffset(48)] public long Constant;

    /// <summary>Seconds of the step of ADJ_SETOFFSET; negative for a step back.</summary>
    [FieldOffset(72), CField("time.tv_sec")] public long TimeSeconds;

    /// <summary>The rest of the step, never negative: nanoseconds with ADJ_NANO.</summary>
    [FieldOffset(80), CField("time.tv_usec")] public long TimeFraction;

    /// <summary>TAI - UTC as it is, seconds.</summary>
    [FieldOffset(160)] public int Tai;
}
