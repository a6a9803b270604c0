// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Platform.Linux;

/// <summary>
/// The machine's LEDs (Linux Documentation/leds/leds-class.rst): blinks some of them for a while, so that people find the machine
/// in a rack, and restores them. A further request replaces the one under way.
/// </summary>
/// <param name="directory">/sys/class/leds.</param>
internal sealed class Leds(string directory = Leds.SysfsDirectory) : IDisposable
{
    public const string SysfsDirectory = "/sys/class/leds";
    [OwnChoice] public const int MaxLeds = 32;
    [OwnChoice] public const int MaxSeconds = 3600;
    private static readonly TimeSpan s_half = TimeSpan.FromMilliseconds(250);

    /// <summary>Functions (dt-bindings/leds/common.h, and what boards call theirs) that are meant for people.</summary>
    private static readonly string[] s_functions = ["identify", "ident", "locate", "locator", "uid", "indicator", "status"];

    private readonly Lock _gate = new();
    private Led[] _blinking = [];
    private Timer? _timer;
    private long _endMs;
    private bool _isLit;

    /// <summary>One LED and its state before.</summary>
    private sealed record Led(string Name, string Path, string? Trigger, string Brightness, string Full);

    /// <summary>Names, device:color:function where the driver keeps to it; empty: the machine has none.</summary>
    public IReadOnlyList<string> Names() =>
        Directory.Exists(directory) ? [.. AllNames().Order(StringComparer.Ordinal).Take(MaxLeds)] : [];

    /// <summary>Blinks until so many seconds from now; 0 ends it.</summary>
    /// <param name="name">One LED; null: those whose function is meant for people, else all.</param>
    /// <param name="seconds">0 to <see cref="MaxSeconds"/>.</param>
    /// <returns>The names of those that blink.</returns>
    /// <exception cref="IOException">There is no LED, or it cannot be written; none blinks then.</exception>
    public IReadOnlyList<string> Blink(string? name, int seconds)
    {
        IReadOnlyList<string> all = Names();
        if (all.Count == 0)
            throw new IOException($"this machine has no LED ({directory} is empty)");
        if (name is not null && !all.Contains(name))
            throw new IOException($"there is no LED \"{name}\"; there are {string.Join(", ", all)}");
        string[] chosen = name is not null ? [name] : Chosen(all);
        lock (_gate)
        {
            Restore();
            if (seconds > 0)
                Begin(chosen, seconds);
        }

        return chosen;
    }

    /// <summary>Restores all.</summary>
    public void Dispose()
    {
        lock (_gate)
            Restore();
    }

    /// <summary>Those meant for people, or all.</summary>
    internal static string[] Chosen(IReadOnlyList<string> names)
    {
        string[] meant = [.. names.Where(n => s_functions.Contains(n.Split(':')[^1].Split('-')[0].Split('_')[0], StringComparer.Ordinal))];
        return meant.Length > 0 ? meant : [.. names];
    }

    private IEnumerable<string> AllNames() => Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path));

    private void Begin(string[] names, int seconds)
    {
        try
        {
            foreach (string name in names)
            {
                Led led = Find(name);
                _blinking = [.. _blinking, led];
                if (led.Trigger is not null)
                    File.WriteAllText(Path.Combine(led.Path, "trigger"), "none");
            }

            _isLit = false;
            _endMs = Environment.TickCount64 + (seconds * 1000L);
            Toggle();
            _timer = new Timer(_ => Tick(), null, s_half, s_half);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Restore();
            throw new IOException($"the LEDs cannot be switched: {e.Message}", e);
        }
    }

    private Led Find(string name)
    {
        string path = Path.Combine(directory, name);
        string trigger = Path.Combine(path, "trigger");
        // "none [mmc0] timer": the one in force is in brackets.
        string[] triggers = File.Exists(trigger) ? File.ReadAllText(trigger).Split(' ', StringSplitOptions.TrimEntries) : [];
        string? inForce = triggers.FirstOrDefault(t => t.StartsWith('['))?.Trim('[', ']');
        return new Led(name, path, inForce, Read(path, "brightness"), Read(path, "max_brightness"));
    }

    private static string Read(string path, string file)
    {
        int value = int.Parse(File.ReadAllText(Path.Combine(path, file)).Trim(), CultureInfo.InvariantCulture);
        return value.ToString(CultureInfo.InvariantCulture);
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (_timer is null)
                return;
            if (Environment.TickCount64 >= _endMs)
            {
                Restore();
                return;
            }

            try
            {
                Toggle();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Restore(); // an LED was unplugged
            }
        }
    }

    private void Toggle()
    {
        _isLit = !_isLit;
        foreach (Led led in _blinking)
            File.WriteAllText(Path.Combine(led.Path, "brightness"), _isLit ? led.Full : "0");
    }

    /// <summary>Restores trigger and brightness; an LED that is gone is skipped.</summary>
    private void Restore()
    {
        _timer?.Dispose();
        _timer = null;
        foreach (Led led in _blinking)
        {
            try
            {
                // Brightness first: writing 0 removes the trigger, and a trigger sets its own brightness.
                File.WriteAllText(Path.Combine(led.Path, "brightness"), led.Brightness);
                if (led.Trigger is not null and not "none")
                    File.WriteAllText(Path.Combine(led.Path, "trigger"), led.Trigger);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Unplugged.
            }
        }

        _blinking = [];
    }
}
