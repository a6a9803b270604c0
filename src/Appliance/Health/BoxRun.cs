using Capbox.Mqtt;

namespace Capbox.Health;

/// <summary>What one start of capbox calls itself in all it says, whatever becomes of its connections.</summary>
/// <param name="bootId">Of this boot of the machine.</param>
/// <param name="run">Of this start.</param>
internal sealed class BoxRun(string bootId, string run)
{
    public string BootId => bootId;
    public string Run => run;

    private readonly Lock _counting = new();
    private MqttCounts _counts = new();

    /// <summary>What went over its connections, all that ever were.</summary>
    public MqttCounts Counts
    {
        get
        {
            lock (_counting)
                return _counts;
        }
    }

    public void Count(Func<MqttCounts, MqttCounts> change)
    {
        lock (_counting)
            _counts = change(_counts);
    }

    /// <summary>Its sequence goes on at another broker.</summary>
    public Telemetry Telemetry { get; } = new(bootId, run);

    public static BoxRun Begin() => new(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), Guid.NewGuid().ToString("N"));
}
