// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Testing;

/// <summary>
/// Hosts on one bridge, each a network namespace with interface <c>p0</c>: MAC 02:00:00:00:00:0N, 192.0.2.N, 2001:db8::N. Software stamps, real ptp4l. Everything is gone after Dispose. The
/// machine's clock is served and read, and never touched: ptp4l runs with free_running, or without the right to.
/// Its tests are in two collections that run beside each other: for most of their time they wait.
/// </summary>
internal sealed partial class PtpLab : IDisposable
{
    private const string Prefix = "cbq";
    private const int CLONE_NEWNET = 0x40000000;
    private const ulong CAP_SYS_TIME = 1UL << 25;
    private static readonly string[] s_withoutClock = ["setpriv", "--bounding-set=-sys_time"];
    private static int s_number;
    private readonly List<string> _spaces = [];
    private readonly List<Background> _programs = [];
    private readonly string _id;

    /// <param name="hosts">How many.</param>
    public PtpLab(int hosts)
    {
        _id = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_number)}");
        Scratch = Directory.CreateTempSubdirectory("capbox-ptp-").FullName;
        try
        {
            Add("hub");
            Ip("hub", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0");
            Ip("hub", "link", "set", "br0", "up");
            for (int i = 1; i <= hosts; i++)
                AddHost(i);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A directory of this lab's own.</summary>
    public string Scratch { get; }

    /// <summary>MAC of a host, from 1.</summary>
    public static string Mac(int host) => string.Create(CultureInfo.InvariantCulture, $"02:00:00:00:00:{host:x2}");

    /// <summary>Identity of the clock that ptp4l makes of it.</summary>
    public static ulong Identity(int host) => 0x020000FFFE000000UL | (uint)host;

    public string Space(int host) => Space(host.ToString(CultureInfo.InvariantCulture));

    /// <summary>ip in a host's namespace.</summary>
    public void Ip(int host, params string[] arguments) => Tool.Run("ip", ["-n", Space(host), .. arguments]);

    /// <summary>Starts ptp4l as a master that serves CLOCK_REALTIME and says that it is TAI.</summary>
    /// <param name="domain">domainNumber.</param>
    /// <param name="settings">Lines of its configuration.</param>
    public Background StartMaster(int host, int domain = 0, params string[] settings)
    {
        string file = Path.Combine(Scratch, $"master{host}.conf");
        string[] all =
        [
            "[global]", "time_stamping software", "free_running 1", "masterOnly 1", "logSyncInterval -3", "logMinDelayReqInterval -3", "logAnnounceInterval -1", "clockClass 6", "clockAccuracy 0x21",
            string.Create(CultureInfo.InvariantCulture, $"domainNumber {domain}"), .. settings, "uds_address " + Path.Combine(Scratch, $"uds{host}"), "[p0]",
        ];
        File.WriteAllLines(file, all);
        Background master = Start(host, "ptp4l", "-f", file, "-m", "-q");
        SetGrandmaster(host, 6, domain);
        return master;
    }

    /// <summary>
    /// Starts ptp4l as a slave, to be asked at <see cref="Socket"/>. It believes that it steers this machine's clock, and has no right to (CAP_SYS_TIME): the kernel refuses each time, it goes on, and reports the offset that
    /// it measures. With free_running it would never say that it follows.
    /// </summary>
    public Background StartSlave(int host, string[] settings, int domain = 0, params string[] ports)
    {
        CheckRights();
        string file = Path.Combine(Scratch, $"slave{host}.conf");
        string[] names = ports.Length > 0 ? ports : ["p0"];
        string[] all =
        [
            "[global]", "time_stamping software", names.Length == 1 ? "slaveOnly 1" : "priority1 255", "step_threshold 0", "first_step_threshold 0", "logMinDelayReqInterval -3",
            string.Create(CultureInfo.InvariantCulture, $"domainNumber {domain}"), .. settings, "uds_address " + Socket(host), .. names.Select(n => $"[{n}]"),
        ];
        File.WriteAllLines(file, all);
        return Start(host, [.. s_withoutClock, "ptp4l", "-f", file, "-m", "-q"]);
    }

    /// <summary>Starts a program that may not touch any clock.</summary>
    public Background StartWithoutClock(int host, params string[] command)
    {
        CheckRights();
        return Start(host, [.. s_withoutClock, .. command]);
    }

    /// <summary>Where a host's ptp4l is asked.</summary>
    public string Socket(int host) => Path.Combine(Scratch, string.Create(CultureInfo.InvariantCulture, $"uds{host}"));

    /// <summary>Changes what a master says of itself.</summary>
    public void SetGrandmaster(int host, int clockClass, int domain = 0)
    {
        string settings = string.Create(CultureInfo.InvariantCulture,
            $"SET GRANDMASTER_SETTINGS_NP clockClass {clockClass} clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 0 leap59 0 currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20");
        // ptp4l may not listen yet.
        Tool.WaitFor(() =>
        {
            string said = Tool.Run("ip", "netns", "exec", Space(host), "pmc", "-u", "-b", "0", "-d", domain.ToString(CultureInfo.InvariantCulture), "-i", Path.Combine(Scratch, $"pmc{host}"),
                "-s", Path.Combine(Scratch, $"uds{host}"), settings);
            return said.Contains("RESPONSE MANAGEMENT GRANDMASTER_SETTINGS_NP", StringComparison.Ordinal);
        }, "ptp4l to take the grandmaster's settings");
    }

    /// <summary>Captures what passes a host's interface; stop it before the file is read.</summary>
    public Background StartCapture(int host, string file)
    {
        Background capture = Start(host, "tcpdump", "-q", "-U", "--immediate-mode", "-i", "p0", "-w", file);
        Tool.WaitFor(
            () => capture.HasEnded ? throw new InvalidOperationException($"tcpdump ended: {capture.Said}") : capture.Said.Contains("listening on", StringComparison.Ordinal), "tcpdump to listen");

        return capture;
    }

    public Background Start(int host, params string[] command)
    {
        var program = new Background(Space(host), command);
        _programs.Add(program);
        return program;
    }

    /// <summary>Does something inside a host's namespace, on a thread that ends with it.</summary>
    public T Inside<T>(int host, Func<T> work)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using SafeFileHandle space = File.OpenHandle("/run/netns/" + Space(host));
                if (setns((int)space.DangerousGetHandle(), CLONE_NEWNET) != 0)
                    throw new InvalidOperationException($"setns: {Marshal.GetLastPInvokeErrorMessage()}");
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    public void Dispose()
    {
        foreach (Background program in _programs)
            program.Dispose();
        foreach (string space in _spaces)
            Tool.Try("ip", "netns", "del", space);
        Directory.Delete(Scratch, recursive: true);
    }

    /// <summary>Nothing is started that could touch the clock of the machine that the tests run on.</summary>
    private static void CheckRights()
    {
        string line = Tool.Run(s_withoutClock[0], [.. s_withoutClock[1..], "grep", "CapEff", "/proc/self/status"]);
        ulong rights = Convert.ToUInt64(line.Split(':')[1].Trim(), 16);
        if ((rights & CAP_SYS_TIME) != 0)
            throw new InvalidOperationException("setpriv did not take away CAP_SYS_TIME");
    }

    private void AddHost(int host)
    {
        string name = host.ToString(CultureInfo.InvariantCulture), hex = host.ToString("x", CultureInfo.InvariantCulture);
        Add(name);
        Tool.Run("ip", "link", "add", "p0", "netns", Space(name), "address", Mac(host), "type", "veth", "peer", "name", "h" + name, "netns", Space("hub"));
        Ip("hub", "link", "set", "h" + name, "master", "br0", "up");
        Ip(name, "addr", "add", $"192.0.2.{name}/24", "dev", "p0");
        Ip(name, "link", "set", "p0", "up");
        Ip(name, "addr", "add", $"2001:db8::{hex}/64", "dev", "p0", "nodad");
        Ip(name, "route", "add", "224.0.0.0/4", "dev", "p0");
        // What is captured on this side would have checksums that were left for a card to make.
        Tool.Run("ip", "netns", "exec", Space(name), "ethtool", "-K", "p0", "tx", "off");
    }

    private void Add(string name)
    {
        Tool.Run("ip", "netns", "add", Space(name));
        _spaces.Add(Space(name));
        Tool.Run("ip", "netns", "exec", Space(name), "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0");
        Ip(name, "link", "set", "lo", "up");
    }

    private string Space(string name) => _id + name;

    private void Ip(string name, params string[] arguments) => Tool.Run("ip", ["-n", Space(name), .. arguments]);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);
}
