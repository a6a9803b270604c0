using System.Globalization;
using Capbox.Platform.Time;

namespace Capbox.Platform.Linux;

/// <summary>/sys/class/ptp: which clocks there are, and the virtual clocks of each (Documentation/ABI/testing/sysfs-ptp).</summary>
/// <param name="root">The directory, so that tests can bring their own.</param>
public sealed class PtpSysfs(string root)
{
    /// <summary>This machine's.</summary>
    public static PtpSysfs Machine { get; } = new("/sys/class/ptp");

    /// <summary>The file of a clock.</summary>
    public static string DevicePath(int index) => string.Create(CultureInfo.InvariantCulture, $"/dev/ptp{index}");

    /// <summary>N of <c>/dev/ptpN</c> or <c>ptpN</c>.</summary>
    public static bool TryParseName(string text, out int index)
    {
        index = 0;
        string digits = text.StartsWith("/dev/ptp", StringComparison.Ordinal) ? text[8..] : text.StartsWith("ptp", StringComparison.Ordinal) ? text[3..] : "";
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out index);
    }

    /// <summary>Every clock, virtual ones included, by number.</summary>
    public IReadOnlyList<int> Clocks() => Numbers(root);

    /// <summary>What the driver calls the clock (a MAC address, mlx5_ptp, ptp0_virt), or null.</summary>
    public string? ClockName(int index) => Read(index, "clock_name");

    /// <summary>The virtual clocks of a clock, by number; none when there is no such clock.</summary>
    public IReadOnlyList<int> VirtualClocks(int index) => Numbers(Directory(index));

    /// <summary>The clock that a virtual one is made of, or null.</summary>
    public int? PhysicalOf(int index)
    {
        foreach (int clock in Clocks())
        {
            if (VirtualClocks(clock).Contains(index))
                return clock;
        }

        return null;
    }

    /// <summary>How many virtual clocks it can have; null when it cannot have any, being one itself, or is not there.</summary>
    public int? MaxVirtualClocks(int index) => int.TryParse(Read(index, "max_vclocks"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : null;

    /// <summary>
    /// Makes or removes virtual clocks, the youngest first. From the first one on the physical clock runs freely and refuses to be steered; a new one shows 1970 until it is stepped.
    /// </summary>
    /// <returns>The virtual clocks there are now, by number.</returns>
    /// <exception cref="ClockException">The kernel refuses. The message names the clock.</exception>
    public IReadOnlyList<int> SetVirtualClocks(int index, int count)
    {
        string name = DevicePath(index);
        if (MaxVirtualClocks(index) is not { } most)
            throw new ClockException($"{name}: {(Clocks().Contains(index) ? "it cannot have virtual clocks" : "there is no such clock")}", 0);
        if (count < 0 || count > most)
            throw new ClockException(string.Create(CultureInfo.InvariantCulture, $"{name}: 0 to {most} virtual clocks, not {count}"), 0);
        try
        {
            File.WriteAllText(Path.Combine(Directory(index), "n_vclocks"), count.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClockException($"{name}: n_vclocks: {e.Message}", 0);
        }

        return VirtualClocks(index);
    }

    private string Directory(int index) => Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"ptp{index}"));

    private string? Read(int index, string attribute)
    {
        try
        {
            return File.ReadAllText(Path.Combine(Directory(index), attribute)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static List<int> Numbers(string directory)
    {
        List<int> numbers = [];
        try
        {
            foreach (string path in System.IO.Directory.EnumerateFileSystemEntries(directory, "ptp*"))
            {
                if (TryParseName(Path.GetFileName(path), out int index))
                    numbers.Add(index);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // No clock at all, or it is gone.
        }

        numbers.Sort();
        return numbers;
    }
}
