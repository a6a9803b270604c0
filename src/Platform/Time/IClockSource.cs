namespace Capbox.Platform.Time;

/// <summary>What clocks the machine has. The one thing of time that tests replace.</summary>
public interface IClockSource
{
    /// <summary>CLOCK_REALTIME, UTC nanoseconds: may be stepped to anything.</summary>
    long WallNs { get; }

    /// <summary>CLOCK_BOOTTIME: never stepped, counts in suspend, starts anew at each boot.</summary>
    long BootNs { get; }

    /// <summary>Which boot it counts from (/proc/sys/kernel/random/boot_id).</summary>
    string BootId { get; }

    /// <summary>Whether the kernel says that the wall clock is synchronised (adjtimex(2), STA_UNSYNC clear).</summary>
    bool IsSynchronised { get; }
}
