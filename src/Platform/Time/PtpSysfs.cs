// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Platform.Time;

/// <summary>/sys/class/ptp: the PTP hardware clocks, and the virtual clocks of each (Documentation/ABI/testing/sysfs-ptp).</summary>
/// <param name="root">The directory; tests have their own.</param>
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
        string name = text.StartsWith("/dev/", StringComparison.Ordinal) ? text[5..] : text;
        string digits = name.StartsWith("ptp", StringComparison.Ordinal) ? name[3..] : "";
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out index);
    }

    /// <summary>Every clock, virtual ones included, by number.</summary>
    public IReadOnlyList<int> Clocks() => Numbers(root);

    /// <summary>The driver's name of the clock (a MAC address, mlx5_ptp, ptp0_virt), or null.</summary>
    public string? ClockName(int index) => Read(index, "clock_name");

    /// <summary>The virtual clocks of a clock, by number; none when there is no such clock.</summary>
    public IReadOnlyList<int> VirtualClocks(int index) => Numbers(Directory(index));

    /// <summary>The physical clock of a virtual one, or null.</summary>
    public int? PhysicalOf(int index)
    {
        foreach (int clock in Clocks())
        {
            if (VirtualClocks(clock).Contains(index))
                return clock;
        }

        return null;
    }

    /// <summary>Largest number of virtual clocks; null for a virtual clock, and when there is no such clock.</summary>
    public int? MaxVirtualClocks(int index) =>
        int.TryParse(Read(index, "max_vclocks"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : null;

    /// <summary>
    /// Creates or removes virtual clocks, the youngest first. From the first one on the physical clock runs freely and rejects
    /// adjustments; a new one shows 1970 until it is stepped.
    /// </summary>
    /// <returns>The virtual clocks now, by number.</returns>
    /// <exception cref="ClockException">The kernel refuses. The message names the clock.</exception>
    public IReadOnlyList<int> SetVirtualClocks(int index, int count)
    {
        string name = DevicePath(index);
        if (MaxVirtualClocks(index) is not { } most)
        {
            string problem = Clocks().Contains(index) ? "it cannot have virtual clocks" : "there is no such clock";
            throw new ClockException($"{name}: {problem}", 0);
        }

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
